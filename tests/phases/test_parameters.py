"""Parameters of a scale are resolved from params.yaml and overrides."""

import pytest

from vqathinker.errors import InputError
from vqathinker.phases.parameters import merge_config, read_params, resolve

OWN = {"name": "own", "kind": "policy", "repo": "models/x/policy", "revision": "main"}


def test_row_with_seeds_adds_runs_that_differ_only_in_the_seed(config):
    rows = config["scales"]["demo"]["runs"]
    sigma = {"regression": {"sigma": 0.3}}
    rows["mine"] = {"train": True, "group": "main", "rewards": sigma, "seeds": [7, 8]}
    runs = resolve(config)["runs"]
    mine = {name: row for name, row in runs.items() if name.startswith("mine")}
    assert [(name, row["seed"], row["of"], row["group"]) for name, row in mine.items()] == [
        ("mine", 42, None, "main"),
        ("mine-seed7", 7, "mine", "ablation"),
        ("mine-seed8", 8, "mine", "ablation"),
    ]
    own = {"seed": 0, "of": 0, "group": 0}
    assert mine["mine"] | own == mine["mine-seed7"] | own == mine["mine-seed8"] | own
    assert mine["mine"]["rewards"]["regression"]["sigma"] == 0.3


def test_all_splits_of_a_row_are_in_its_group(config):
    rows = config["scales"]["demo"]["runs"]
    rows["mine"] = {"train": True, "group": "main", "training": {"holdout": 2}, "seeds": [7]}
    runs = resolve(config)["runs"]
    assert [runs[name]["group"] for name in ("mine", "mine-seed7")] == ["main", "main"]


def test_row_after_another_has_its_base_and_complete_clips(config):
    rows = config["scales"]["demo"]["runs"]
    rows["first"] = {"train": False, "group": "main", "base": OWN}
    rows["then"] = {"train": True, "group": "main", "after": "first", "seeds": [7]}
    rows["last"] = {"train": False, "group": "main", "after": "then"}
    rows["last"]["clips"] = {"test_setting": "3x56"}
    runs = resolve(config)["runs"]
    assert all(runs[name]["base"] == OWN for name in ("first", "then", "then-seed7", "last"))
    assert [runs[name]["after"] for name in ("first", "then-seed7")] == [None, "first"]
    assert runs["last"]["clips"] == {"train_setting": "6x112-tiles4", "test_setting": "3x56"}


@pytest.mark.parametrize(
    ("rows", "key", "value"),
    [
        ({"a": {"seeds": [42]}}, "a.seeds", "42"),
        ({"a": {"seeds": 43}}, "a.seeds", "43"),
        ({"a": {"seeds": [True]}}, "a.seeds", "True"),
        ({"a": {"seeds": [5]}, "a-seed5": {}}, "a.seeds", "a-seed5"),
        ({"a": {"train": False, "seeds": [43]}}, "a.seeds", "43"),
        ({"a": {"train": False, "prompt": {}}}, "a", "prompt"),
        ({"grpo": {}, "a": {"after": "grop"}}, "a.after", "mean grpo"),
        ({"a": {"after": "b"}, "b": {"after": "a"}}, "b.after", "'a'"),
        ({"b": {}, "a": {"after": "b", "base": {}}}, "a", "base"),
    ],
)
def test_wrong_row_is_named(rows, key, value):
    config = {"scale": "s", "seed": 42, "scales": {"s": {"runs": rows}}}
    with pytest.raises(InputError, match=rf"runs\.{key}\b.*({value})"):
        resolve(config)


def test_nearest_scale_is_suggested(config):
    with pytest.raises(InputError, match=r"'dmo'.* mean demo"):
        resolve(config | {"scale": "dmo"})


def test_change_applies_to_the_scale(root):
    path = root / "params.yaml"
    assert read_params(path)["runs"]["grpo"]["training"]["beta"] == 0.4
    for change in ("training.beta=1e-2", "training={beta: 1e-2}"):
        assert read_params(path, [change])["runs"]["grpo"]["training"]["beta"] == 0.01
    assert read_params(path, ["scale=paper"])["scale"] == "paper"
    for wrong in ("training.beta", "training.beta={"):
        with pytest.raises(InputError, match=wrong):
            read_params(path, [wrong])


@pytest.mark.parametrize(
    ("file", "config", "beta"),
    [
        ("training: {beta: 1e-1}", {}, 0.1),
        ("training: {beta: 1e-1}", {"training": {"beta": "3e-1"}}, 0.3),
        ("{training: {beta: 0.1}, scales: {demo: {training: {beta: 0.2}}}}", {}, 0.2),
        ('{"training": {"beta": 0.1}, "scale": "paper"}', {"scale": "demo"}, 0.1),
        ("report: {title: Mine}", {}, 0.4),
    ],
)
def test_values_of_files_and_then_of_the_command_line_override_the_scale(
    root, tmp_path, monkeypatch, file, config, beta
):
    monkeypatch.chdir(root)
    own = tmp_path / "own.yaml"
    own.write_text(file, encoding="utf-8")
    merged = merge_config([own], config, replace_params=False)
    assert resolve(merged)["runs"]["grpo"]["training"]["beta"] == beta
    whole = merge_config([root / "params.yaml"], {}, replace_params=False)
    assert resolve(whole) == read_params(root / "params.yaml")
