"""Only one run at a time may work in a folder; a run that was killed does not block it."""

import os
import signal
import time
from pathlib import Path

import pytest
from tests.programs import program_or_skip

pytestmark = pytest.mark.workflow

MAKEFILE = Path(__file__).parents[2] / "Makefile"
ENTRY_POINTS = {
    "plain": ["snakemake", "--cores", "2"],
    "make": ["make", "-f", str(MAKEFILE), "demo", "READY="],
    "DVC": ["dvc", "repro"],
}


@pytest.mark.parametrize(
    ("first", "second"), [("plain", "make"), ("plain", "DVC"), ("DVC", "plain")]
)
def test_a_second_run_is_refused_while_the_first_is_alive(project, first, second):
    program_or_skip("make")
    project.run("dvc", "config", "core.no_scm", "true")
    project.hold("decode")
    run = project.start(*ENTRY_POINTS[first])
    assert project.wait_until_held(run)
    code, output = project.run_unchecked(*ENTRY_POINTS[second])
    assert code != 0
    assert "LockedError" in output
    assert "decode" in project.run("snakemake", "--dry-run")


def test_jobs_that_outlive_their_run_block_the_next_one(project):
    project.hold("decode")
    run = project.start("snakemake", "--cores", "1")
    job = int(project.wait_until_held(run))
    os.kill(run.pid, signal.SIGKILL)  # the run without its jobs
    run.wait()
    os.kill(job, 0)
    code, output = project.run_unchecked("snakemake", "--cores", "2")
    assert code == 1
    assert "LockedError" in output
    os.killpg(run.pid, signal.SIGKILL)
    while project.run_unchecked("snakemake", "--cores", "2", "--", "keys")[0]:
        time.sleep(0.1)  # until the job has ended
