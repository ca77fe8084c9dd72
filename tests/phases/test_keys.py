"""The file of a job depends on its parameters and the version of its results, and nothing else."""

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
def few(config) -> dict[str, Any]:
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
    """Jobs that have other parameters."""
    old, new = (job_params(resolve(config)) for config in (before, after))
    return {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}


def times(scale: str = "demo") -> dict[str, int]:
    """Time of the file of each job."""
    files = (FOLDER / scale).rglob("*.json")
    found = {path.relative_to(FOLDER / scale).with_suffix("").as_posix(): path for path in files}
    return {key: path.stat().st_mtime_ns for key, path in found.items() if key != "params"}


def write(config: Mapping[str, Any]) -> set[str]:
    """Write the files of jobs; returns those that were written."""
    for number, path in enumerate(sorted(FOLDER.rglob("*.json"))):
        os.utime(path, (1000 + number, 1000 + number))
    before = times()
    JobKeys(resolve(config)).write()
    after = times()
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


TRAINED = {
    *("sft", "sft-grpo", "grpo", "grpo-only-ranking", "grpo-only-regression", "grpo-no-temporal"),
    *("grpo-no-thinking", "grpo-no-motion", "grpo-authors-sigma", "grpo-authors-beta"),
}
SEEDS = {
    f"{run}-seed{seed}"
    for run in ("grpo", "sft", "grpo-only-ranking", "grpo-no-temporal")
    for seed in (43, 44)
}


def of_runs(*runs: str) -> set[str]:
    return {f"{job}/{run}" for job in ("train", "export") for run in runs}


def of_sets(*jobs: str) -> set[str]:
    sets = ("demo_train", "demo_indomain", "demo_content", "demo_distortion")
    return {f"{job}/{name}" for job in jobs for name in sets}


ALL_RUNS = of_runs(*TRAINED, *SEEDS)
REPORT = {"tables", "page"}
ASK, JUDGE, MEASURE = (f"{job}/demo_indomain" for job in ("ask", "judge", "measure"))


@pytest.mark.parametrize(
    ("keys", "value", "jobs"),
    [
        ("training.epsilon", 0.3, {*ALL_RUNS, *REPORT}),
        ("rewards.regression.sigma", 0.4, set()),  # the demo has its own
        ("scales.demo.runs.grpo.seed", 5, {*of_runs("grpo"), *REPORT}),
        ("seed", 5, {"perturb", *REPORT, *of_runs(*TRAINED)}),
        ("clips.perturbations.draws", 3, {"perturb", "perturbed"}),
        ("scales.demo.clips.train_setting", "6x56", {*REPORT, *ALL_RUNS}),
        ("scales.demo.clips.shard_size", 200, {"decode"}),
        ("scales.demo.runs.sft-grpo.after", "grpo", {*of_runs("sft-grpo"), *REPORT}),
        ("scales.demo.data.demo.seed", 8, {*of_sets("fetch"), *REPORT}),
        ("scales.demo.base.seed", 8, {"base/demo", *REPORT}),
        (
            "scales.demo.evaluation.batch_size",
            4,
            {"predict", "perturbed", ASK, *of_sets("absent")},
        ),
        ("understanding.reading", "letters", {ASK, JUDGE, MEASURE, *REPORT}),
        ("metrics.allow_incomplete", True, {"metrics", "preference", *REPORT}),
        ("report.title", "Mine", REPORT),
        ("download.attempts", 9, set()),
        ("scales.demo.resources.train.mem_mb", 1, set()),
        ("scales.demo.runs.grpo.group", "ablation", set()),
        ("scales.paper.training.beta", 0.3, set()),
    ],
)
def test_a_changed_parameter_changes_the_jobs_that_depend_on_it(config, keys, value, jobs):
    before = copy.deepcopy(config)
    change(config, keys, value)
    assert changed(before, config) == jobs


def test_texts_of_a_card_change_only_the_report(few):
    data = few["scales"]["demo"]["data"]
    data["out_of_distribution"] = ["mine"]
    card = Path(data["cards"], "mine.yaml")
    card.parent.mkdir()
    card.write_text("name: mine\nfiles_of: cgvds\n")
    assert "fetch/cgvds" in write(few)
    card.write_text("name: mine\nfiles_of: cgvds\nnotes: [changed]\n")
    assert write(few) == REPORT
    card.write_text("name: mine\nfiles_of: cgvds\nmatch: .*\n")
    assert write(few) == {f"{job}/mine" for job in ("fetch", "manifest", "absent")} | REPORT


def test_a_file_is_rewritten_only_for_other_content_or_another_version(few, monkeypatch):
    assert {key.partition("/")[0] for key in write(few)} == RESULTS_VERSION.keys()
    assert write(few) == set()
    change(few, "training.epsilon", 0.3)
    assert write(few) == {*of_runs("sft", "sft-seed43", "sft-seed44"), *REPORT}
    monkeypatch.setattr(keys_module, "RESULTS_VERSION", RESULTS_VERSION | {"predict": 2})
    assert write(few) == {"predict"}


def test_a_dry_run_writes_nothing_and_names_what_is_out_of_date(few):
    write(few)
    write(few)
    before = times()
    few["scales"]["demo"]["base"]["seed"] = 8
    keys = JobKeys(resolve(few))
    keys.write_elsewhere()
    assert times() == before
    assert json.loads(Path(keys["base/demo"]).read_text())["params"]["base"]["seed"] == 8
    assert Path(keys["base/demo"]).stat().st_mtime > 2000
    assert Path(keys["decode"]) == FOLDER / "demo" / "decode.json"
    assert any("base/demo" in line and "seed was 1, is 8" in line for line in keys.changes)


def test_scales_share_data_clips_and_base_policies(few):
    """These are the same folders at all scales; what was made last counts."""
    scales = few["scales"]
    scales["other"] = scales["demo"]
    write(few)
    write(few)
    JobKeys(resolve(few | {"scale": "other"})).write()
    shared = ("decode", "fetch/demo_train", "base/demo")
    assert all(times("other")[key] == times()[key] for key in shared)
    assert times("other")["train/sft"] > times()["train/sft"]
    scales["other"] = scales["other"] | {"clips": scales["demo"]["clips"] | {"shard_size": 7}}
    JobKeys(resolve(few | {"scale": "other"})).write()  # decode was made last for the other scale
    before = times()
    JobKeys(resolve(few)).write()
    assert {key for key, time in times().items() if time != before[key]} == {"decode"}


def test_an_unknown_job_is_answered_with_those_of_the_scale(few):
    with pytest.raises(InputError, match="train/sft"):
        JobKeys(resolve(few))["train/grqo"]
