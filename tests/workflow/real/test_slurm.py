"""Faults of a real cluster of one node, under the shipped profile, and what is said of them."""

import os
import signal
import subprocess

import pytest
from tests.workflow.real.cluster import Cluster
from tests.workflow.real.conftest import Held

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(900)]

# It ends what hangs; no machine should be too slow or too busy for it.
SLURM = ("timeout", "600", "snakemake", "--workflow-profile", "workflow/profiles/slurm")


@pytest.fixture
def without_page(small: Held) -> Held:
    """Finished, but for the page."""
    (small.folder / "results" / "demo" / "report.html").unlink()
    return small


def talk_of(run: "subprocess.Popen[str]") -> str:
    """What a run that was started says until its end."""
    return run.communicate(timeout=600)[0]


def start(project: Held) -> "subprocess.Popen[str]":
    how = {"cwd": project.folder, "env": project.environment, "text": True}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(SLURM[2:], **how, **pipes, start_new_session=True)


def test_a_cancelled_job_is_told_and_made_again_by_the_same_command(
    cluster: Cluster, without_page: Held
):
    without_page.hold("page")
    run = start(without_page)
    job = without_page.wait_for_job()
    cluster.ask("scancel", job)
    said = talk_of(run)
    assert run.returncode == 1
    assert "CANCELLED" in said
    without_page.let_go()
    without_page.run(*SLURM)
    assert without_page.calls()["page"] == 1
    assert "Nothing to be done" in without_page.snakemake()


def test_jobs_that_outlive_a_killed_run_are_waited_for_and_not_made_twice(
    cluster: Cluster, without_page: Held
):
    without_page.hold("page")
    run = start(without_page)
    job = without_page.wait_for_job()
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    assert cluster.jobs() == [job]
    left = f"SLURM still has jobs of an earlier run of this folder: {job} (RUNNING)"
    assert left in without_page.snakemake("--dry-run")
    again = start(without_page)
    assert any(left in line for line in again.stdout)
    without_page.let_go()
    assert "Nothing to be done" in talk_of(again)
    assert again.returncode == 0
    assert without_page.calls()["page"] == 1


def test_ctrl_c_cancels_the_jobs(cluster: Cluster, without_page: Held):
    without_page.hold("page")
    run = start(without_page)
    job = without_page.wait_for_job()
    os.kill(run.pid, signal.SIGINT)
    talk_of(run)
    assert run.returncode != 0
    assert job not in cluster.jobs("RUNNING", "PENDING")


def test_a_wrong_partition_is_told_in_the_words_of_slurm(cluster: Cluster, without_page: Held):
    code, said = without_page.tried(*SLURM, "--default-resources", "slurm_partition=nowhere")
    assert code == 1
    assert "invalid partition specified: nowhere" in said
