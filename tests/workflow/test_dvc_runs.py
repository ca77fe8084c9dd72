"""DVC's way through the workflow: from a repro to a clone that goes on from what it pulls."""

import os
import shutil
import signal
from pathlib import Path

import pytest
import yaml
from tests.programs import program_or_skip
from tests.workflow.conftest import Copy, Project

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def reproduced(
    copy_with: Copy, tmp_path_factory: pytest.TempPathFactory, stand_in: Path, root: Path
) -> Project:
    """A whole `dvc repro` with the stand-in, first without git; committed, and pushed."""
    program_or_skip("git")
    project = copy_with(tmp_path_factory.mktemp("reproduced"), [stand_in])
    shutil.copy(root / ".gitignore", project.folder)
    shutil.copy(root / ".dvc" / ".gitignore", project.folder / ".dvc")
    project.change("scales.demo.data.out_of_distribution", [])  # fewer jobs
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
    """A fresh clone, with nothing pulled yet."""
    folder = tmp_path / "a clone"
    reproduced.run("git", "clone", "-q", ".", str(folder))
    clone = Project(folder, [stand_in])
    commit(clone)
    return clone


def read_all(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_second_repro_does_nothing(reproduced):
    assert "up to date" in reproduced.run("dvc", "repro")
    assert not reproduced.calls()


UP_TO_DATE = "dvc.lock: data, clips, base, train, evaluate, understand, thumbnails, report.\n"


def test_a_pull_brings_data_and_policies_and_plain_snakemake_makes_nothing_again(clone, reproduced):
    clone.run("dvc", "pull")
    for name in ("data", "models", "predictions", "results"):
        assert read_all(clone.folder / name) == read_all(reproduced.folder / name)
    clone.change("report.title", "Other")
    said = clone.snakemake("--dry-run")
    assert UP_TO_DATE in said
    assert "\nwrite_page " in said
    assert "\npredict " not in said

    clone.run("git", "checkout", "params.yaml")
    (clone.folder / ".snakemake" / "settled").unlink()
    said = clone.snakemake()
    assert UP_TO_DATE in said
    assert "Nothing to be done" in said
    assert "Nothing to be done" in clone.snakemake()


def test_an_experiment_in_a_clone_trains_and_evaluates_again_and_goes_on_after_a_kill(clone):
    clone.change("training.epsilon", 0.5)
    assert "\ntrain " in clone.snakemake("--dry-run")  # before the pull
    clone.run("git", "checkout", "params.yaml")
    clone.run("dvc", "pull")
    before = clone.run("dvc", "metrics", "show")
    clone.calls()
    clone.hold("predict")
    run = clone.start("dvc", "exp", "run", "-S", "training.epsilon=0.5")
    clone.wait_until_held(run)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    clone.run("dvc", "repro")
    calls = clone.calls()
    assert calls["train"] == calls["export"] == 1
    assert calls["decode"] >= 1  # frames are not kept by DVC
    assert calls["fetch"] == calls["base"] == 0
    assert calls["predict"] >= 2  # the killed one, and again
    assert calls["metrics"] >= 1
    lock = yaml.safe_load((clone.folder / "dvc.lock").read_text(encoding="utf-8"))
    assert "params.yaml" in {dep["path"] for dep in lock["stages"]["keys"]["deps"]}
    assert clone.run("dvc", "metrics", "show") != before
    assert "runs/content.json" in clone.run("dvc", "metrics", "diff")
    assert "Nothing to be done" in clone.snakemake()
