"""DVC runs the workflow: repro, push, pull into a clone, and experiments."""

import re
import shutil
from pathlib import Path, PurePath
from typing import Any

import pytest
import yaml
from tests.programs import program_or_skip
from tests.workflow.conftest import CopyProject, Project

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def reproduced(
    copy_project: CopyProject, tmp_path_factory: pytest.TempPathFactory, stand_in: Path, root: Path
) -> Project:
    """The project after `dvc repro` with the stand-in, a commit and `dvc push`."""
    program_or_skip("git")
    project = copy_project(tmp_path_factory.mktemp("reproduced"), [stand_in])
    shutil.copy(root / ".gitignore", project.folder)
    shutil.copy(root / ".dvc" / ".gitignore", project.folder / ".dvc")
    project.set_param("scales.demo.data.out_of_distribution", [])  # fewer jobs
    project.run("dvc", "config", "core.no_scm", "true")
    project.run("dvc", "repro")
    assert project.calls()["train"] == 1
    project.run("dvc", "config", "--unset", "core.no_scm")
    project.run("dvc", "remote", "add", "-d", "store", str(project.folder.parent / "store"))
    commit(project)
    project.run("dvc", "push")
    return project


def commit(project: Project) -> None:
    if not (project.folder / ".git").is_dir():
        project.run("git", "init", "-q")
    with (project.folder / ".git" / "info" / "exclude").open("a", encoding="utf-8") as exclude:
        exclude.write("calls.txt\nheld.txt\nhold.txt\n")
    project.run("git", "config", "user.name", "Me")
    project.run("git", "config", "user.email", "me@example.org")
    project.run("git", "add", ".")
    project.run("git", "commit", "-q", "--allow-empty", "-m", "results")


@pytest.fixture
def clone(reproduced: Project, tmp_path: Path, stand_in: Path) -> Project:
    """A fresh clone before `dvc pull`."""
    folder = tmp_path / "a clone"
    reproduced.run("git", "clone", "-q", ".", str(folder))
    clone = Project(folder, [stand_in])
    commit(clone)
    return clone


def read_files(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_second_repro_does_nothing(reproduced):
    assert "up to date" in reproduced.run("dvc", "repro")
    assert not reproduced.calls()


UP_TO_DATE = "dvc.lock: data, clips, base, train, evaluate, understand, thumbnails, report.\n"


def test_after_a_pull_snakemake_reruns_nothing(clone, reproduced):
    clone.run("dvc", "pull")
    for name in ("data", "models", "predictions", "results"):
        assert read_files(clone.folder / name) == read_files(reproduced.folder / name)
    clone.set_param("report.title", "Other")
    output = clone.snakemake("--dry-run")
    assert UP_TO_DATE in output
    assert "\nwrite_report " in output
    assert "\npredict " not in output

    clone.run("git", "checkout", "params.yaml")
    (clone.folder / ".snakemake" / "settled").unlink()
    output = clone.snakemake()
    assert UP_TO_DATE in output
    assert "Nothing to be done" in output
    assert "Nothing to be done" in clone.snakemake()


def test_an_experiment_in_a_clone_trains_again_and_resumes_after_a_kill(clone):
    clone.set_param("training.epsilon", 0.5)
    assert "\ntrain " in clone.snakemake("--dry-run")  # before the pull
    clone.run("git", "checkout", "params.yaml")
    clone.run("dvc", "pull")
    before = clone.run("dvc", "metrics", "show")
    clone.calls()
    clone.hold("predict")
    run = clone.start("dvc", "exp", "run", "-S", "training.epsilon=0.5")
    assert clone.wait_until_held(run)
    clone.kill(run)
    clone.run("dvc", "repro")
    calls = clone.calls()
    assert calls["train"] == calls["export"] == 1
    assert calls["decode"] >= 1  # DVC does not keep clips
    assert calls["fetch"] == calls["base"] == 0
    assert calls["predict"] >= 2  # the killed one and the repeated one
    assert calls["metrics"] >= 1
    lock = yaml.safe_load((clone.folder / "dvc.lock").read_text(encoding="utf-8"))
    assert "params.yaml" in {dep["path"] for dep in lock["stages"]["keys"]["deps"]}
    assert clone.run("dvc", "metrics", "show") != before
    assert "runs/content.json" in clone.run("dvc", "metrics", "diff")
    assert "Nothing to be done" in clone.snakemake()


def paths_of(stage: dict[str, Any], *kinds: str) -> list[str]:
    items = [item for kind in kinds for item in stage.get(kind, [])]
    return [next(iter(item)) if isinstance(item, dict) else item for item in items]


def missing(paths: set[str], roots: list[str]) -> list[str]:
    return [path for path in paths if not any(PurePath(path).is_relative_to(r) for r in roots)]


def test_a_stage_lists_the_inputs_and_outputs_of_its_rules(project, root):
    text = project.snakemake("--dry-run", "--forceall", "--detailed-summary", "--", "all")
    head, *rows = [line.split("\t") for line in text.splitlines() if "\t" in line]
    columns = [head.index(name) for name in ("rule", "input-file(s)", "output_file")]
    jobs = [[row[column] for column in columns] for row in rows]
    # A dry run writes workflow/keys to a temporary folder.
    temporary = re.compile(r"[^,]*/vqathinker-\w+/")
    content = (root / "dvc.yaml").read_text(encoding="utf-8").replace("${scale}", "demo")
    stages = yaml.safe_load(content)["stages"]
    assert paths_of(stages.pop("keys"), "outs") == ["workflow/keys/demo"]
    for name, stage in stages.items():
        rules = re.search(r"--allowed-rules (.*?) -- ", stage["cmd"])[1].split()
        own = [(inputs, output) for rule, inputs, output in jobs if rule in rules]
        outputs = {output for _, output in own}
        inputs = {
            path
            for paths, _ in own
            for path in temporary.sub("workflow/keys/demo/", paths).split(",")
        }
        assert missing(outputs, paths_of(stage, "outs", "metrics", "plots")) == [], name
        assert missing(inputs - outputs - {"", "-"}, paths_of(stage, "deps")) == [], name
