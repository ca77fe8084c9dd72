"""The file of a job follows its parameters and the version of its results, and nothing else."""

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

MINE = {"name": "mine", "kind": "policy", "repo": "models/x/policy", "revision": "main"}


@pytest.fixture(autouse=True)
def _in_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def change(tree: dict[str, Any], keys: str, value: Any) -> None:
    *parents, last = keys.split(".")
    for key in parents:
        tree = tree.setdefault(key, {})
    tree[last] = value


def write(config: Mapping[str, Any]) -> None:
    JobKeys(resolve(config)).write()


def times(scale: str = "demo") -> dict[str, int]:
    """Time of the file of each job."""
    files = (FOLDER / scale).rglob("*.json")
    found = {path.relative_to(FOLDER / scale).with_suffix("").as_posix(): path for path in files}
    return {key: path.stat().st_mtime_ns for key, path in found.items() if key != "params"}


def age() -> None:
    """Let all files be old, so that a rewritten one has another time."""
    for number, path in enumerate(sorted(FOLDER.rglob("*.json"))):
        os.utime(path, (1000 + number, 1000 + number))


def rewritten(config: Mapping[str, Any]) -> set[str]:
    age()
    before = times()
    write(config)
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
        (
            "scales.demo.runs.grpo-no-motion.rewards",
            {"weights": {"format": 0}},
            {*of_runs("grpo-no-motion"), *REPORT},
        ),
        ("seed", 5, {"perturb", *REPORT, *of_runs(*TRAINED)}),
        ("clips.perturbations.draws", 3, {"perturb", "perturbed"}),
        ("scales.demo.clips.train_setting", "6x56", {*REPORT, *ALL_RUNS}),
        ("scales.demo.clips.shard_size", 200, {"decode"}),
        ("scales.demo.runs.sft-grpo.after", "grpo", {*of_runs("sft-grpo"), *REPORT}),
        ("scales.demo.data.demo.seed", 8, {*of_sets("fetch"), *REPORT}),
        ("scales.demo.data.demo.sets.demo_train.damaged", 1, {"fetch/demo_train", *REPORT}),
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
        ("scales.demo.threads.train", 2, set()),
        ("scales.demo.resources.train.mem_mb", 1, set()),
        ("scales.demo.runs.grpo.group", "ablation", set()),
        ("scales.paper.training.beta", 0.3, set()),
    ],
)
def test_a_changed_parameter_rewrites_just_the_files_of_jobs_that_depend_on_it(
    config, keys, value, jobs
):
    write(config)
    change(config, keys, value)
    assert rewritten(config) == jobs
    assert rewritten(config) == set()


def test_a_new_benchmark_and_a_new_run_have_their_own_files_and_change_those_of_tables(config):
    write(config)
    data = config["scales"]["demo"]["data"]
    data["counts"]["konvid_1k"] = 1200
    data["in_domain"].append("konvid_1k")
    of_set = {f"{job}/konvid_1k" for job in ("fetch", "manifest", "absent")}
    assert rewritten(config) == {*of_set, *REPORT}
    config["scales"]["demo"]["runs"]["mine"] = {"train": True, "group": "main", "base": MINE}
    assert rewritten(config) == {*of_runs("mine"), "base/mine", *REPORT}


def test_a_run_knows_of_its_base_the_name_alone(config):
    config["scales"]["demo"]["runs"]["mine"] = {"train": True, "group": "main", "base": MINE}
    params = job_params(resolve(config))
    assert params["base/mine"]["base"] == MINE
    assert params["base/demo"]["base"]["kind"] == "demo"
    assert params["train/mine"]["runs"]["mine"]["base"] == {"name": "mine"}


def test_of_a_card_words_for_people_change_the_report_alone(config):
    data = config["scales"]["demo"]["data"]
    data["out_of_distribution"] = ["mine"]
    card = Path(data["cards"], "mine.yaml")
    card.parent.mkdir()
    card.write_text("name: mine\nfiles_of: cgvds\n")
    write(config)
    assert "fetch/cgvds" in times()
    card.write_text("name: mine\nfiles_of: cgvds\nnotes: [changed]\n")
    assert rewritten(config) == REPORT
    card.write_text("name: mine\nfiles_of: cgvds\nmatch: .*\n")
    of_set = {f"{job}/mine" for job in ("fetch", "manifest", "absent")}
    assert rewritten(config) == of_set | REPORT


@pytest.mark.parametrize("job", RESULTS_VERSION)
def test_a_new_version_of_results_rewrites_all_files_of_that_job(config, monkeypatch, job):
    write(config)
    versions = RESULTS_VERSION | {job: RESULTS_VERSION[job] + 1}
    monkeypatch.setattr(keys_module, "RESULTS_VERSION", versions)
    changed = rewritten(config)
    assert changed
    assert {key.partition("/")[0] for key in changed} == {job}


def test_a_look_writes_nothing_and_says_what_is_out_of_date(config):
    write(config)
    age()
    before = times()
    config["scales"]["demo"]["base"]["seed"] = 8
    keys = JobKeys(resolve(config))
    keys.write_elsewhere()
    assert times() == before
    assert json.loads(Path(keys["base/demo"]).read_text())["params"]["base"]["seed"] == 8
    assert Path(keys["base/demo"]).stat().st_mtime > 2000
    assert Path(keys["decode"]) == FOLDER / "demo" / "decode.json"
    assert any("base/demo" in line and "seed was 1, is 8" in line for line in keys.changes)


def test_scales_share_what_is_equal_and_remember_what_was_made_last(config):
    """data/, clips/ and models/base/ are the same folders at all scales."""
    scales = config["scales"]
    scales["other"] = scales["demo"]
    write(config)
    age()
    write(config | {"scale": "other"})
    shared = ("decode", "fetch/demo_train", "base/demo")
    assert all(times("other")[key] == times()[key] for key in shared)
    assert times("other")["train/grpo"] > times()["train/grpo"]
    scales["other"] = scales["other"] | {"clips": scales["demo"]["clips"] | {"shard_size": 7}}
    write(config | {"scale": "other"})  # so that decode of the demo is no longer what was made last
    before = times()
    write(config)
    assert {key for key, time in times().items() if time != before[key]} == {"decode"}


def test_a_job_that_a_scale_has_not_is_answered_with_those_that_it_has(config):
    with pytest.raises(InputError, match="train/grpo"):
        JobKeys(resolve(config))["train/grqo"]
