"""One run in a folder at a time, through whatever door; a dead run keeps nobody out."""

import os
import signal
import time
from pathlib import Path

import pytest
from tests.programs import program_or_skip

pytestmark = pytest.mark.workflow

MAKEFILE = Path(__file__).parents[2] / "Makefile"
DOORS = {
    "plain": ["snakemake", "--cores", "2"],
    "make": ["make", "-f", str(MAKEFILE), "demo", "READY="],
    "DVC": ["dvc", "repro"],
}


@pytest.mark.parametrize(
    ("first", "second"), [("plain", "make"), ("plain", "DVC"), ("DVC", "plain")]
)
def test_a_second_run_is_refused_while_the_first_lives(quick, first, second):
    program_or_skip("make")
    quick.run("dvc", "config", "core.no_scm", "true")
    quick.hold("decode")
    run = quick.start(*DOORS[first])
    quick.wait_until_held(run)
    code, said = quick.tried(*DOORS[second])
    assert code != 0
    assert "LockedError" in said
    assert "decode" in quick.run("snakemake", "--dry-run")
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()


def test_jobs_that_outlive_their_run_keep_the_next_one_out(quick):
    quick.hold("decode")
    run = quick.start("snakemake", "--cores", "1")
    quick.wait_until_held(run)
    job = int((quick.folder / "pid.txt").read_text(encoding="utf-8"))
    os.kill(run.pid, signal.SIGKILL)  # the run alone
    run.wait()
    os.kill(job, 0)
    code, said = quick.tried("snakemake", "--cores", "2")
    assert code == 1
    assert "LockedError" in said
    os.killpg(run.pid, signal.SIGKILL)
    while quick.tried("snakemake", "--cores", "2", "--", "keys")[0]:
        time.sleep(0.1)  # until the system has ended it


def test_after_a_kill_the_same_command_goes_on(quick):
    quick.hold("decode")
    run = quick.start("snakemake", "--cores", "2")
    quick.wait_until_held(run)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    assert "Nothing to be done" not in quick.snakemake()
    assert "Nothing to be done" in quick.snakemake()
