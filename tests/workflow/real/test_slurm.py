"""The shipped profile on a real cluster of one node, and what its faults say."""

import os
import shutil
import signal
import subprocess

import pytest
from tests.workflow.real.cluster import Cluster
from tests.workflow.real.conftest import Held

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(900)]

# Two more minutes than the slowest of these takes on a busy machine of two cores.
SLURM = ("timeout", "600", "snakemake", "--workflow-profile", "workflow/profiles/slurm")


def read_all(project: Held) -> dict[str, bytes]:
    files = (path for path in (project.folder / "results").rglob("*") if path.is_file())
    return {path.relative_to(project.folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture
def changed(small: Held) -> Held:
    """Finished, but for the page, whose title was changed."""
    small.change("report.title", "Other")
    return small


def talk_of(run: "subprocess.Popen[str]") -> str:
    """What a run that was started says until its end."""
    return run.communicate(timeout=300)[0]


def start(project: Held) -> "subprocess.Popen[str]":
    how = {"cwd": project.folder, "env": project.environment, "text": True}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(SLURM[2:], **how, **pipes, start_new_session=True)


def test_the_demo_runs_through_the_profile(cluster: Cluster, small: Held):
    before = read_all(small)
    for made in ("data", "clips", "models", "predictions", "results", ".snakemake"):
        shutil.rmtree(small.folder / made)
    shutil.rmtree(small.folder / "workflow" / "stamps")
    small.run(*SLURM)
    where = small.where()
    gpus = {command: seen for command, _, seen in where}
    assert gpus.pop("train grpo") == "0"
    assert not any(gpus.values())
    here = {command for command, job, _ in where if not job}
    assert here == {"data fetch"}
    submitted = {job for command, job, _ in where if job}
    assert len(submitted) < len([job for _, job, _ in where if job])  # groups
    assert read_all(small) == before
    small.calls()
    assert "Nothing to be done" in small.run(*SLURM)
    assert "Nothing to be done" in small.snakemake()
    assert not small.calls()
    assert not cluster.jobs()


def test_a_cancelled_job_is_told_and_made_again_by_the_same_command(
    cluster: Cluster, changed: Held
):
    changed.hold("page")
    run = start(changed)
    job = changed.wait_for_job()
    cluster.ask("scancel", job)
    said = talk_of(run)
    assert run.returncode == 1
    assert f"SLURM job {job}: CANCELLED after " in said
    assert "the same command makes it again" in said
    changed.let_go()
    changed.run(*SLURM)
    assert changed.calls()["page"] == 1
    assert "Nothing to be done" in changed.snakemake()


def test_jobs_that_outlive_a_killed_run_are_waited_for_and_not_made_twice(
    cluster: Cluster, changed: Held
):
    changed.hold("page")
    run = start(changed)
    job = changed.wait_for_job()
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    assert cluster.jobs() == [job]
    left = f"SLURM still has jobs of an earlier run of this folder: {job} (RUNNING)"
    assert left in changed.snakemake("--dry-run")
    again = start(changed)
    assert any(left in line for line in again.stdout)
    changed.let_go()
    assert "Nothing to be done" in talk_of(again)
    assert again.returncode == 0
    assert changed.calls()["page"] == 1


def test_ctrl_c_cancels_the_jobs(cluster: Cluster, changed: Held):
    changed.hold("page")
    run = start(changed)
    job = changed.wait_for_job()
    os.kill(run.pid, signal.SIGINT)
    talk_of(run)
    assert run.returncode != 0
    assert job not in cluster.jobs("RUNNING", "PENDING")


def test_a_wrong_partition_is_told_in_the_words_of_slurm(cluster: Cluster, changed: Held):
    code, said = changed.tried(*SLURM, "--default-resources", "slurm_partition=nowhere")
    assert code == 1
    assert "invalid partition specified: nowhere" in said


def test_a_job_above_its_memory_is_told_with_the_reason_of_slurm(cluster: Cluster, changed: Held):
    (changed.folder / "eats.txt").touch()
    code, said = changed.tried(*SLURM, "--set-resources", "write_page:mem_mb=700")
    assert code == 1
    assert "exceeded memory limit" in said
    assert "mem_mb of its row of resources in params.yaml" in said
