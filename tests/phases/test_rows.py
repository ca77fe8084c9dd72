"""Rows of `runs` with several seeds become as many plain ones."""

import pytest

from vqathinker.params.reading import ParameterError, require_valid
from vqathinker.phases.parameters import resolve
from vqathinker.phases.rows import plain_rows, started_rows

SIGMA = {"regression": {"sigma": 0.3}}


def test_a_row_of_three_seeds_is_three_runs_that_differ_in_nothing_else(config):
    rows = config["scales"]["demo"]["runs"]
    rows["mine"] = {"train": True, "group": "main", "rewards": SIGMA, "seeds": [7, 8]}
    runs = resolve(config)["runs"]
    assert [name for name in runs if name.startswith("mine")] == [
        "mine",
        "mine-seed7",
        "mine-seed8",
    ]
    assert (runs["mine"]["seed"], runs["mine"]["of"], runs["mine"]["group"]) == (42, None, "main")
    further = runs["mine-seed8"]
    assert (further["seed"], further["of"], further["group"]) == (8, "mine", "ablation")
    own = {"seed", "of", "group"}
    assert {k: v for k, v in further.items() if k not in own} == {
        k: v for k, v in runs["mine"].items() if k not in own
    }
    assert "seeds" not in runs["mine"]


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({"seeds": [42]}, r"runs\.a\.seeds is \[42\], expected .* own seed 42"),
        ({"seed": 1, "seeds": [2, 1]}, r"runs\.a\.seeds is \[2, 1\], expected .* own seed 1"),
        ({"seeds": [3, 3]}, r"expected a list of distinct whole numbers"),
        ({"seeds": 43}, r"runs\.a\.seeds is 43, expected a list"),
        ({"seeds": [True]}, r"runs\.a\.seeds is \[True\], expected a list"),
        ({"seeds": [-1]}, r"runs\.a\.seeds is \[-1\], expected a list"),
        ({"seeds": [5]}, r"runs\.a\.seeds has 5, but there is a row a-seed5 already"),
        ({"train": False, "seeds": [43]}, r"runs\.a\.seeds is \[43\], but train is false"),
        ({"of": "b"}, r"runs\.a\.of is 'b', .* expected seeds"),
    ],
)
def test_seeds_that_make_no_further_run_are_refused(row, complaint):
    rows = {"a": {"train": True, "group": "main"} | row, "a-seed5": {"train": True}}
    with pytest.raises(ValueError, match=complaint):
        plain_rows(rows, 42, "params.yaml")


def test_a_fault_of_a_row_is_told_once_and_not_for_each_of_its_seeds(config):
    config["scales"]["demo"]["runs"]["grpo"]["rewards"] = {"regression": {"sigma": -1}}
    with pytest.raises(ParameterError) as error:
        require_valid(resolve(config), config)
    (line,) = str(error.value).splitlines()
    assert "scales.demo.runs.grpo.rewards.regression.sigma" in line


def test_a_row_after_another_has_its_base_and_clips_are_spelled_out(config):
    rows = config["scales"]["demo"]["runs"]
    own = {"name": "own", "kind": "policy", "repo": "models/x/policy", "revision": "main"}
    rows["first"] = {"train": False, "group": "main", "base": own}
    rows["then"] = {"train": True, "group": "main", "after": "first", "seeds": [7]}
    rows["last"] = {"train": False, "group": "main", "after": "then", "clips": TESTED}
    runs = resolve(config)["runs"]
    assert {runs[name]["base"]["name"] for name in ("first", "then", "then-seed7", "last")} == {
        "own"
    }
    assert runs["then-seed7"]["after"] == "first"
    assert runs["first"]["after"] is None
    assert runs["last"]["clips"] == {"train_setting": "6x112", "test_setting": "3x56"}
    assert runs["then"]["clips"] == {"train_setting": "6x112", "test_setting": "6x112"}


TESTED = {"test_setting": "3x56"}


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ({"a": {"after": "grop"}, "grpo": {}}, r"runs\.a\.after is 'grop'.*did you mean grpo\?"),
        ({"a": {"after": 3}, "b": {}}, r"runs\.a\.after is 3, expected one of the other rows"),
        ({"a": {"after": "a"}}, r"runs\.a\.after is 'a', so these wait for each other: a after a"),
        (
            {"a": {"after": "b"}, "b": {"after": "a"}},
            r"these wait for each other: a after b after a",
        ),
        ({"a": {"after": "b", "base": {}}, "b": {}}, r"runs\.a has after: b and a base"),
    ],
)
def test_rows_that_cannot_start_after_another_are_refused(rows, complaint):
    with pytest.raises(ValueError, match=complaint):
        started_rows(rows, "params.yaml")
