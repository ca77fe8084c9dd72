"""What one door made, no other makes again: plain, conda, SLURM and DVC, each after each other.

The conda is a real one, but its channel is made here of this machine's Python. So these tests prove
how Snakemake, conda and the rules work together, and that the environments' packages of pip can be
installed together. They do not prove that conda-forge has the pinned Python and pip, nor that its
builds of them work.
"""

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
from tests.workflow.conftest import Copy, Project, copy_of_sources
from tests.workflow.real.cluster import Cluster
from tests.workflow.real.conda import conda_environment
from tests.workflow.real.conftest import Held

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(1800)]

# Where a job has not ended when it is looked at, the executor looks ten seconds later than before;
# the jobs of these tests take about as long as this.
PROFILE = ("--workflow-profile", "workflow/profiles/slurm")
PROFILE += ("--slurm-init-seconds-before-status-checks", "10")
DOORS = {
    "plain": ("snakemake", "--cores", "2"),
    "conda": ("snakemake", "--cores", "2", "--use-conda"),
    "SLURM": ("timeout", "900", "snakemake", *PROFILE),
    "DVC": ("dvc", "repro"),
}
MADE = ("data", "clips", "models", "predictions", "results", "workflow/keys", ".snakemake")


@pytest.fixture(scope="module")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where conda's environments lie, which all runs share."""
    return tmp_path_factory.mktemp("environments")


@pytest.fixture
def doors(small: Held, conda: Path, environments: Path, programs: Path) -> Held:
    """The demo with the stand-in, which can be entered through all doors; a plain run is done."""
    variables = conda_environment(conda)
    variables["PATH"] = os.pathsep.join([str(programs), variables["PATH"]])
    variables["SNAKEMAKE_CONDA_PREFIX"] = str(environments)
    small.environment |= variables
    return small


def make_again(project: Held, door: str) -> str:
    """Everything, from nothing, through a door."""
    for made in MADE:
        shutil.rmtree(project.folder / made)
    said = project.run(*DOORS[door])
    assert project.calls()["train"] == 1
    return said


def try_others(project: Held, first: str) -> None:
    for door, command in DOORS.items():
        if door != first:
            said = project.run(*command)
            assert not project.calls(), f"{door} after {first}: {said}"
            assert door == "DVC" or "Nothing to be done" in said


def read_results(project: Project) -> dict[str, bytes]:
    files = (path for path in (project.folder / "results").rglob("*") if path.is_file())
    return {path.relative_to(project.folder).as_posix(): path.read_bytes() for path in files}


def test_after_a_plain_run_no_other_door_makes_anything(cluster: Cluster, doors: Held):
    try_others(doors, "plain")


@pytest.mark.parametrize("first", ["conda", "DVC"])
def test_after_that_door_no_other_makes_anything(cluster: Cluster, doors: Held, first: str):
    before = read_results(doors)
    make_again(doors, first)
    assert read_results(doors) == before
    try_others(doors, first)


def test_the_demo_runs_through_the_profile_of_slurm(cluster: Cluster, doors: Held):
    before = read_results(doors)
    make_again(doors, "SLURM")
    assert read_results(doors) == before
    where = doors.where()
    gpus = {command: seen for command, _, seen in where}
    assert gpus.pop("train grpo") == "0"
    assert not any(gpus.values())
    assert {command for command, job, _ in where if not job} == {"data fetch"}
    try_others(doors, "SLURM")
    assert not cluster.jobs()


@pytest.fixture(scope="module")
def decoy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the PATH with an ffmpeg that fails."""
    folder = tmp_path_factory.mktemp("decoy")
    program = folder / "ffmpeg"
    program.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    program.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def real(root: Path, conda: Path, tmp_path_factory: pytest.TempPathFactory, decoy: Path):
    """Videos and frames of the tiny demo, made by the real command in its own environment.

    In a folder without a blank: Snakemake does not quote the path of a post-deploy script.
    """
    folder = copy_of_sources(root, tmp_path_factory.mktemp("real") / "project")
    project = Project(folder, [])
    shutil.copy(root / "pyproject.toml", project.folder)
    shutil.copy(root / "README.md", project.folder)
    shutil.copy(root / "LICENSE", project.folder)
    shutil.copy(root / "tests" / "workflow" / "tiny.yaml", project.folder)
    project.environment |= conda_environment(conda)
    paths = [str(decoy), project.environment["PATH"]]
    project.environment["PATH"] = os.pathsep.join(paths)
    project.run("snakemake", "--cores", "all", "--use-conda", *TINY)
    return project


TINY = ("--configfile", "tiny.yaml", "--", "clips")


def test_videos_and_frames_are_made_in_the_environment_of_the_rules(real: Project):
    made = list((real.folder / ".snakemake" / "conda").glob("*/bin/vqathinker"))
    assert len(made) == 1
    manifest = pd.read_parquet(real.folder / "data" / "demo_train" / "manifest.parquet")
    assert len(manifest) == 20
    assert set(manifest["status"]) == {"ok"}
    assert len(list((real.folder / "clips").rglob("*.safetensors"))) == 5
    assert "Nothing to be done" in real.snakemake("--use-conda", *TINY)
    assert "Nothing to be done" in real.snakemake(*TINY)


def test_second_checkout_runs_its_own_code_in_a_shared_environment(real: Project, tmp_path: Path):
    second = Project(shutil.copytree(real.folder, tmp_path / "second", symlinks=True), [])
    second.environment = real.environment
    with (second.folder / "src/vqathinker/cli/data.py").open("a", encoding="utf-8") as code:
        code.write("\nraise SystemExit('code of the second')\n")
    shared = ("--use-conda", "--conda-prefix", str(real.folder / ".snakemake" / "conda"))
    fetch = (*TINY[:2], "--forcerun", "fetch", "--", "data/demo_train/source.json")
    code, said = second.tried("snakemake", "--cores", "2", *shared, *fetch)
    assert code == 1
    assert "code of the second" in said


def test_videos_have_the_same_bytes_in_this_environment_and_in_that_of_the_rules(
    real: Project, copy_with: Copy, decoy: Path, tmp_path: Path
):
    other = copy_with(tmp_path, [decoy])
    shutil.copy(real.folder / "tiny.yaml", other.folder)
    other.snakemake("--configfile", "tiny.yaml", "--", "data/demo_train/source.json")
    made, again = (project.folder / "data" / "demo_train" for project in (real, other))
    videos = sorted(path.name for path in (made / "source" / "videos").iterdir())
    assert len(videos) == 20
    for name in videos:
        here, there = (folder / "source" / "videos" / name for folder in (made, again))
        assert here.read_bytes() == there.read_bytes(), name
    assert (made / "source.json").read_bytes() == (again / "source.json").read_bytes()
