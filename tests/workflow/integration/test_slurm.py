"""Cancelled jobs, killed runs and wrong settings on a real SLURM cluster."""

import os
import signal
import subprocess

import pytest
from tests.workflow.conftest import Project
from tests.workflow.integration.cluster import jobs, slurm

pytestmark = [pytest.mark.usefixtures("cluster"), pytest.mark.workflow, pytest.mark.timeout(900)]

# `timeout` is long enough for slow and busy machines.
SLURM = ("timeout", "600", "snakemake", "--workflow-profile", "workflow/profiles/slurm")


@pytest.fixture
def unfinished(project: Project) -> Project:
    """Only the job of the report is left."""
    (project.folder / "results" / "demo" / "report.html").unlink()
    return project


def output_of(run: "subprocess.Popen[str]") -> str:
    return run.communicate(timeout=600)[0]


def start(project: Project) -> "subprocess.Popen[str]":
    return project.start(*SLURM[2:], stdout=subprocess.PIPE)


def test_a_cancelled_job_is_reported_and_rerun_by_the_same_command(unfinished: Project):
    unfinished.hold("report")
    run = start(unfinished)
    job = unfinished.wait_until_held(run)
    slurm("scancel", job)
    output = output_of(run)
    assert run.returncode == 1
    assert "CANCELLED" in output
    unfinished.release()
    unfinished.run(*SLURM)
    assert unfinished.calls()["report"] == 2  # the cancelled and the repeated one
    assert "Nothing to be done" in unfinished.snakemake()


def test_the_next_run_waits_for_jobs_of_a_killed_one_and_does_not_repeat_them(unfinished: Project):
    unfinished.hold("report")
    run = start(unfinished)
    job = unfinished.wait_until_held(run)
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    assert jobs() == [job]
    remaining = f"{job} (RUNNING)"
    assert remaining in unfinished.snakemake("--dry-run")
    again = start(unfinished)
    assert any(remaining in line for line in again.stdout)
    unfinished.release()
    assert "Nothing to be done" in output_of(again)
    assert again.returncode == 0
    assert unfinished.calls()["report"] == 1


def test_ctrl_c_cancels_the_jobs(unfinished: Project):
    unfinished.hold("report")
    run = start(unfinished)
    job = unfinished.wait_until_held(run)
    os.kill(run.pid, signal.SIGINT)
    output_of(run)
    assert run.returncode != 0
    assert job not in jobs("RUNNING", "PENDING")


def test_the_error_of_slurm_about_a_wrong_partition_is_shown(unfinished: Project):
    code, output = unfinished.run_unchecked(
        *SLURM, "--default-resources", "slurm_partition=nowhere"
    )
    assert code == 1
    assert "invalid partition specified: nowhere" in output
