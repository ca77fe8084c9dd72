"""Switching between Snakemake without and with conda, SLURM and DVC reruns nothing.

Conda is real, but its channel is made from this machine's Python. These tests show that Snakemake,
conda and the rules work together, and that the pip packages of the environments can be installed
together. They do not show that conda-forge has the pinned Python and pip.
"""

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
from tests.workflow.conftest import CopyProject, Project, copy_sources
from tests.workflow.integration.cluster import jobs
from tests.workflow.integration.conda import conda_environment

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(1800)]

# If a job has not ended at a status check, the executor waits ten seconds longer before the next.
# The jobs of these tests take about ten seconds.
PROFILE = ("--workflow-profile", "workflow/profiles/slurm")
PROFILE += ("--slurm-init-seconds-before-status-checks", "10")
ENTRY_POINTS = {
    "plain": ("snakemake", "--cores", "2"),
    "conda": ("snakemake", "--cores", "2", "--use-conda"),
    "SLURM": ("timeout", "900", "snakemake", *PROFILE),
    "DVC": ("dvc", "repro"),
}
OUTPUTS = ("data", "clips", "models", "predictions", "results", "workflow/keys", ".snakemake")


@pytest.fixture(scope="module")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the conda environments, which all runs share."""
    return tmp_path_factory.mktemp("environments")


@pytest.fixture
def demo(
    project: Project, cluster: None, conda: Path, environments: Path, stand_in: Path
) -> Project:
    """The demo with the stand-in and all programs, after a run without conda."""
    variables = conda_environment(conda)
    variables["PATH"] = os.pathsep.join([str(stand_in), variables["PATH"]])
    variables["SNAKEMAKE_CONDA_PREFIX"] = str(environments)
    project.environment |= variables
    return project


def rerun_from_scratch(project: Project, entry_point: str) -> None:
    for folder in OUTPUTS:
        shutil.rmtree(project.folder / folder)
    project.run(*ENTRY_POINTS[entry_point])


def assert_others_run_nothing(project: Project, first: str) -> None:
    for name, command in ENTRY_POINTS.items():
        if name != first:
            output = project.run(*command)
            assert not project.calls(), f"{name} after {first}: {output}"
            assert name == "DVC" or "Nothing to be done" in output


def read_results(project: Project) -> dict[str, bytes]:
    files = (path for path in (project.folder / "results").rglob("*") if path.is_file())
    return {path.relative_to(project.folder).as_posix(): path.read_bytes() for path in files}


def test_no_entry_point_reruns_jobs_of_plain_snakemake(demo: Project):
    assert_others_run_nothing(demo, "plain")


@pytest.mark.parametrize("first", ["conda", "DVC"])
def test_no_entry_point_reruns_jobs_of_another(demo: Project, first: str):
    before = read_results(demo)
    rerun_from_scratch(demo, first)
    assert demo.calls()["train"] == 1
    assert read_results(demo) == before
    assert_others_run_nothing(demo, first)


def test_the_demo_runs_with_the_slurm_profile(demo: Project):
    before = read_results(demo)
    rerun_from_scratch(demo, "SLURM")
    assert read_results(demo) == before
    calls = [(words.split()[0], job, gpus) for words, job, gpus in demo.read_calls()]
    assert {command: gpus for command, _, gpus in calls if gpus} == {"train": "0"}
    assert {command for command, job, _ in calls if not job} == {"fetch"}
    assert_others_run_nothing(demo, "SLURM")
    assert not jobs()


@pytest.fixture(scope="module")
def decoy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an ffmpeg that fails."""
    folder = tmp_path_factory.mktemp("decoy")
    program = folder / "ffmpeg"
    program.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    program.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def tiny_demo(root: Path, conda: Path, tmp_path_factory: pytest.TempPathFactory, decoy: Path):
    """The tiny demo with clips, made by the real commands in their conda environment.

    Its folder has no space, because Snakemake does not quote the path of a post-deploy script.
    """
    folder = copy_sources(root, tmp_path_factory.mktemp("real") / "project")
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


def test_clips_are_made_in_the_conda_environment(tiny_demo: Project):
    made = list((tiny_demo.folder / ".snakemake" / "conda").glob("*/bin/vqathinker"))
    assert len(made) == 1
    manifest = pd.read_parquet(tiny_demo.folder / "data" / "demo_train" / "manifest.parquet")
    assert len(manifest) == 20
    assert set(manifest["status"]) == {"ok"}
    assert len(list((tiny_demo.folder / "clips").rglob("*.safetensors"))) == 5
    assert "Nothing to be done" in tiny_demo.snakemake("--use-conda", *TINY)
    assert "Nothing to be done" in tiny_demo.snakemake(*TINY)


def test_a_second_checkout_runs_its_own_code_in_a_shared_environment(
    tiny_demo: Project, tmp_path: Path
):
    second = Project(shutil.copytree(tiny_demo.folder, tmp_path / "second", symlinks=True), [])
    second.environment = tiny_demo.environment
    with (second.folder / "src/vqathinker/cli/data.py").open("a", encoding="utf-8") as code:
        code.write("\nraise SystemExit('code of the second checkout')\n")
    shared = ("--use-conda", "--conda-prefix", str(tiny_demo.folder / ".snakemake" / "conda"))
    fetch = (*TINY[:2], "--forcerun", "fetch", "--", "data/demo_train/source.json")
    code, output = second.run_unchecked("snakemake", "--cores", "2", *shared, *fetch)
    assert code == 1
    assert "code of the second checkout" in output


def test_videos_have_the_same_bytes_with_and_without_conda(
    tiny_demo: Project, copy_project: CopyProject, decoy: Path, tmp_path: Path
):
    other = copy_project(tmp_path, [decoy])
    shutil.copy(tiny_demo.folder / "tiny.yaml", other.folder)
    other.snakemake("--configfile", "tiny.yaml", "--", "data/demo_train/source.json")
    first, second = (project.folder / "data" / "demo_train" for project in (tiny_demo, other))
    videos = sorted(path.name for path in (first / "source" / "videos").iterdir())
    assert len(videos) == 20
    for name in videos:
        here, there = (folder / "source" / "videos" / name for folder in (first, second))
        assert here.read_bytes() == there.read_bytes(), name
    assert (first / "source.json").read_bytes() == (second / "source.json").read_bytes()
