"""The file of a job depends only on its parameters and the version of its results."""

import copy
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from vqathinker.errors import InputError
from vqathinker.phases import keys as keys_module
from vqathinker.phases.keys import FOLDER, JobKeys, job_params
from vqathinker.phases.parameters import resolve
from vqathinker.phases.results_version import RESULTS_VERSION


@pytest.fixture(autouse=True)
def _in_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def two_runs(config) -> dict[str, Any]:
    """params.yaml with two runs in the demo."""
    demo = config["scales"]["demo"]
    demo["runs"] = {name: demo["runs"][name] for name in ("base", "sft")}
    return config


def change(tree: dict[str, Any], keys: str, value: Any) -> None:
    *parents, last = keys.split(".")
    for key in parents:
        tree = tree.setdefault(key, {})
    tree[last] = value


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    """Jobs whose parameters differ."""
    old, new = (job_params(resolve(config)) for config in (before, after))
    return {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}


def times(scale: str = "demo") -> dict[str, int]:
    """Modification time of the file of each job."""
    files = (FOLDER / scale).rglob("*.json")
    found = {path.relative_to(FOLDER / scale).with_suffix("").as_posix(): path for path in files}
    return {key: path.stat().st_mtime_ns for key, path in found.items() if key != "params"}


def write(config: Mapping[str, Any]) -> set[str]:
    """Write the files of jobs; returns the jobs whose file was written."""
    for number, path in enumerate(sorted(FOLDER.rglob("*.json"))):
        os.utime(path, (1000 + number, 1000 + number))
    before = times()
    JobKeys(resolve(config)).write()
    after = times()
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def run_jobs(*runs: str) -> set[str]:
    return {f"{job}/{run}" for job in ("train", "export") for run in runs}


REPORT = {"tables", "report"}
TRAIN = {"train", "export", *REPORT}


@pytest.mark.parametrize(
    ("keys", "value", "rules"),
    [
        ("training.epsilon", 0.3, TRAIN),
        ("rewards.regression.sigma", 0.4, set()),  # the demo overrides it
        ("clips.perturbations.draws", 3, {"perturb", "predict_perturbed"}),
        ("scales.demo.clips.train_setting", "6x56", TRAIN),
        ("scales.demo.clips.shard_size", 100, {"decode"}),
        ("scales.demo.data.demo.seed", 8, {"fetch", *REPORT}),
        ("scales.demo.base.seed", 8, {"base", *REPORT}),
        (
            "scales.demo.evaluation.batch_size",
            4,
            {"predict", "predict_perturbed", "ask", "skip_missing"},
        ),
        ("understanding.answer_by", "letters", {"ask", "judge", "measure", *REPORT}),
        ("metrics.allow_incomplete", True, {"metrics", "preference", *REPORT}),
        ("report.title", "Mine", REPORT),
        ("download.attempts", 9, set()),
        ("scales.demo.resources.train.mem_mb", 1, set()),
        ("scales.demo.runs.grpo.group", "ablation", set()),
        ("scales.paper.training.beta", 0.3, set()),
    ],
)
def test_changed_parameter_changes_the_jobs_that_depend_on_it(config, keys, value, rules):
    before = copy.deepcopy(config)
    change(config, keys, value)
    assert {key.partition("/")[0] for key in changed(before, config)} == rules


@pytest.mark.parametrize(
    ("keys", "value", "runs"),
    [
        ("runs.grpo.seed", 5, ["grpo"]),
        ("runs.sft-grpo.after", "grpo", ["sft-grpo"]),
        ("runs.sft.training.beta", 0.5, ["sft", "sft-seed43", "sft-seed44"]),
    ],
)
def test_changed_row_changes_the_jobs_of_its_runs(config, keys, value, runs):
    before = copy.deepcopy(config)
    change(config, f"scales.demo.{keys}", value)
    assert changed(before, config) == {*run_jobs(*runs), *REPORT}


def test_descriptive_keys_of_a_card_change_only_the_report(two_runs):
    data = two_runs["scales"]["demo"]["data"]
    data["out_of_distribution"] = ["mine"]
    card = Path(data["cards"], "mine.yaml")
    card.parent.mkdir()
    card.write_text("name: mine\nfiles_of: cgvds\n")
    assert "fetch/cgvds" in write(two_runs)
    card.write_text("name: mine\nfiles_of: cgvds\nnotes: [changed]\n")
    assert write(two_runs) == REPORT
    card.write_text("name: mine\nfiles_of: cgvds\nmatch: .*\n")
    assert (
        write(two_runs) == {f"{job}/mine" for job in ("fetch", "manifest", "skip_missing")} | REPORT
    )


def test_file_is_rewritten_only_for_new_content_or_version(two_runs, monkeypatch):
    assert {key.partition("/")[0] for key in write(two_runs)} == RESULTS_VERSION.keys()
    assert write(two_runs) == set()
    change(two_runs, "training.epsilon", 0.3)
    assert write(two_runs) == {*run_jobs("sft", "sft-seed43", "sft-seed44"), *REPORT}
    monkeypatch.setattr(keys_module, "RESULTS_VERSION", RESULTS_VERSION | {"predict": 99})
    assert write(two_runs) == {"predict"}


def test_dry_run_writes_nothing_and_names_jobs_that_are_out_of_date(two_runs):
    write(two_runs)
    write(two_runs)
    before = times()
    two_runs["scales"]["demo"]["base"]["seed"] = 8
    keys = JobKeys(resolve(two_runs))
    keys.write_temporary()
    assert times() == before
    assert json.loads(Path(keys["base/demo"]).read_text())["params"]["base"]["seed"] == 8
    assert Path(keys["base/demo"]).stat().st_mtime > 2000
    assert Path(keys["decode"]) == FOLDER / "demo" / "decode.json"
    assert any("base/demo" in line and "seed was 1, is 8" in line for line in keys.changes)


def test_scales_share_data_clips_and_base_policies(two_runs):
    """These folders are shared, so the file of the scale that wrote last counts."""
    scales = two_runs["scales"]
    scales["other"] = scales["demo"]
    write(two_runs)
    write(two_runs)
    JobKeys(resolve(two_runs | {"scale": "other"})).write()
    shared = ("decode", "fetch/demo_train", "base/demo")
    assert all(times("other")[key] == times()[key] for key in shared)
    assert times("other")["train/sft"] > times()["train/sft"]
    scales["other"] = scales["other"] | {"clips": scales["demo"]["clips"] | {"shard_size": 7}}
    JobKeys(resolve(two_runs | {"scale": "other"})).write()  # the other scale decoded last
    before = times()
    JobKeys(resolve(two_runs)).write()
    assert {key for key, time in times().items() if time != before[key]} == {"decode"}


def test_a_new_policy_in_a_local_folder_changes_only_the_job_that_copies_it(two_runs):
    demo, folder = two_runs["scales"]["demo"], Path("models/x/policy")
    base = {"name": "mine", "kind": "policy", "repo": str(folder), "revision": "main"}
    demo["runs"]["mine"] = {"train": False, "group": "main", "base": base}
    folder.mkdir(parents=True)
    write(two_runs)
    for record, expected in (({"policy": "a"}, {"base/mine"}), ({"policy": "a", "run": 1}, set())):
        (folder / "provenance.json").write_text(json.dumps(record), encoding="utf-8")
        assert write(two_runs) == expected


def test_unknown_job_is_refused_with_a_list_of_jobs(two_runs):
    with pytest.raises(InputError, match="train/sft"):
        JobKeys(resolve(two_runs))["train/grqo"]
