"""Stamps follow parameters and code: rewritten when they change, and never otherwise."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from vqathinker.phases.parameters import phase_names, resolve
from vqathinker.phases.stamps import settle_stamps, stamp_path, write_stamps


@pytest.fixture
def project(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the sources in which stamps may be written."""
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(root / "src", tmp_path / "src", ignore=ignored)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stamps() -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in stamp_path("demo", "x").parent.glob("*.yaml")}


def rewritten(before: dict[str, bytes]) -> set[str]:
    return {phase for phase, content in stamps().items() if content != before[phase]}


def change(tree: dict[str, Any], keys: str, value: Any) -> None:
    *parents, last = keys.split(".")
    for key in parents:
        tree = tree.setdefault(key, {})
    tree[last] = value


SEED_OF_ALL = {
    *("sft", "sft-grpo", "grpo", "grpo-only-ranking", "grpo-only-regression", "grpo-no-temporal"),
    *("grpo-no-thinking", "grpo-no-motion", "grpo-authors-sigma", "grpo-authors-beta"),
}
FURTHER = {"grpo-seed43", "grpo-seed44"}
SEVERAL = ("grpo", "sft", "grpo-only-ranking", "grpo-no-temporal")
TRAINED = {*SEED_OF_ALL, *(f"{run}-seed{seed}" for run in SEVERAL for seed in (43, 44))}
ALL_RUNS = {f"training-{run}" for run in TRAINED}


@pytest.mark.parametrize(
    ("keys", "value", "phases"),
    [
        ("scales.demo.training.learning_rate", 1.0, {*ALL_RUNS, "report"}),
        ("training.epsilon", 0.3, {*ALL_RUNS, "report"}),
        ("rewards.ranking.epsilon", 1e-5, {*ALL_RUNS, "report"}),
        ("rewards.regression.sigma", 0.4, set()),  # the demo has its own
        ("scales.demo.runs.grpo.seed", 5, {"training-grpo", "report"}),
        (
            "scales.demo.runs.grpo.rewards",
            {"weights": {"format": 0}},
            {"report", *(f"training-{run}" for run in ("grpo", *FURTHER))},
        ),
        ("seed", 5, {"clips", "report", *(f"training-{run}" for run in SEED_OF_ALL)}),
        ("clips.perturbations.draws", 3, {"clips", "perturbed"}),
        ("scales.demo.clips.train_setting", "6x56", {"clips", "perturbed", "report", *ALL_RUNS}),
        ("scales.demo.runs.sft-grpo.after", "grpo", {"training-sft-grpo", "report"}),
        ("scales.demo.data.demo.seed", 8, {"data", "absent", "report"}),
        ("scales.demo.base.seed", 8, {"base-demo", "report"}),
        (
            "scales.demo.evaluation.batch_size",
            4,
            {"evaluation", "perturbed", "absent", "understanding"},
        ),
        ("understanding.reading", "letters", {"understanding", "judging", "report"}),
        ("metrics.allow_incomplete", True, {"metrics", "report"}),
        ("report.title", "Mine", {"report"}),
        ("download.attempts", 9, {"download"}),
        ("download.bring", "all", {"download"}),
        ("scales.demo.threads.train", 2, set()),
        ("scales.demo.resources.train.mem_mb", 1, set()),
        ("scales.demo.runs.grpo.group", "ablation", set()),
        ("scales.paper.training.beta", 0.3, set()),
    ],
)
def test_a_changed_parameter_rewrites_just_the_stamps_that_depend_on_it(
    project, config, keys, value, phases
):
    write_stamps(resolve(config), project / "src")
    before = stamps()
    assert set(before) == {*phase_names(resolve(config)), "download"}
    change(config, keys, value)
    write_stamps(resolve(config), project / "src")
    assert rewritten(before) == phases


@pytest.mark.parametrize(
    ("file", "phases"),
    [
        ("training/rewards.py", ALL_RUNS),
        (
            "policy/prompts.yaml",
            {
                *ALL_RUNS,
                "base-demo",
                "evaluation",
                "perturbed",
                "metrics",
                "absent",
                "report",
                "understanding",
                "judging",
            },
        ),
        ("video/perturb.py", {*ALL_RUNS, "clips", "perturbed", "report"}),
        ("video/probe.py", {"data"}),
        ("video/pyav_reader.py", {"clips"}),
        ("video/container.py", {"data", "clips"}),
        ("datasets/cards/demo_content.yaml", {"data", "absent", "report"}),
        ("datasets/cards/cgvds.yaml", set()),
        ("datasets/inventory.py", set()),
        ("datasets/matching.py", {"data"}),
        ("evaluation/metrics.py", {"metrics", "absent"}),
        ("reporting/page/page.html.j2", {"report"}),
        ("cli/report.py", {"report"}),
        ("params/training.py", set()),
    ],
)
def test_changed_code_rewrites_just_the_stamps_of_the_phases_that_run_it(
    project, config, file, phases
):
    write_stamps(resolve(config), project / "src")
    before = stamps()
    with (project / "src" / "vqathinker" / file).open("a", encoding="utf-8") as source:
        source.write("\n")
    write_stamps(resolve(config), project / "src")
    assert rewritten(before) == phases


def test_a_card_of_one_s_own_and_the_card_whose_files_it_shares_stand_in_the_stamp(project, config):
    data = config["scales"]["demo"]["data"]
    data["out_of_distribution"] = ["mine"]
    own = project / data["cards"] / "mine.yaml"
    own.parent.mkdir()
    own.write_text("name: mine\nfiles_of: cgvds\n")
    write_stamps(resolve(config), project / "src")
    before = stamps()
    cards = yaml.safe_load(before["data"])["cards"]
    assert set(cards) == {"demo_train", "demo_indomain", "mine", "cgvds"}
    own.write_text("name: mine\nfiles_of: cgvds\nnotes: [changed]\n")
    write_stamps(resolve(config), project / "src")
    assert rewritten(before) == {"data", "absent", "report"}


def test_an_unchanged_stamp_keeps_its_bytes_and_its_time(project, config):
    write_stamps(resolve(config), project / "src")
    settle_stamps("demo")
    path = stamp_path("demo", "data")
    os.utime(path, (1000, 1000))
    before = stamps()
    write_stamps(resolve(config), project / "src")
    assert stamps() == before
    assert path.stat().st_mtime == 1000


def test_a_stamp_that_changes_back_after_jobs_ran_has_another_content(project, config):
    """Snakemake forgives a newer input whose checksum it has seen; the time inside prevents it."""
    contents = []
    for seed in (1, 2, 1):
        config["scales"]["demo"]["base"]["seed"] = seed
        write_stamps(resolve(config), project / "src")
        settle_stamps("demo")
        contents.append(stamps()["base-demo"])
    first, _, third = (yaml.safe_load(content) for content in contents)
    assert contents[0] != contents[2]
    assert first["params"] == third["params"]


def test_a_stamp_under_which_nothing_ran_is_newer_than_what_came_since(project, config):
    """Pulled files are no results of the parameters that a dry run before the pull looked at."""
    write_stamps(resolve(config), project / "src")
    path = stamp_path("demo", "data")
    os.utime(path, (1000, 1000))
    write_stamps(resolve(config), project / "src")
    assert path.stat().st_mtime > 1000


def test_a_dry_run_with_other_parameters_leaves_no_trace(project, config):
    write_stamps(resolve(config), project / "src")
    settle_stamps("demo")
    path = stamp_path("demo", "base-demo")
    os.utime(path, (1000, 1000))
    before = stamps()
    seed_before = config["scales"]["demo"]["base"]["seed"]
    for seed in (8, 9):
        config["scales"]["demo"]["base"]["seed"] = seed
        write_stamps(resolve(config), project / "src")
        assert rewritten(before) == {"base-demo", "report"}
    config["scales"]["demo"]["base"]["seed"] = seed_before
    write_stamps(resolve(config), project / "src")
    assert stamps() == before
    assert path.stat().st_mtime == 1000
