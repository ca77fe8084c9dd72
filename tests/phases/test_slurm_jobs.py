"""Jobs that an earlier run left to SLURM, and reasons of failed ones; its programs pretend."""

import json
import os
import re
from pathlib import Path

import pytest

from vqathinker.phases.slurm_jobs import describe_failed, jobs_left, wait_for_jobs


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a run is; programs of SLURM may be put into its `bin`."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def program(folder: Path, name: str, script: str) -> None:
    path = folder / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def begun(folder: Path, output: str, job: str | None) -> None:
    """As Snakemake marks an output that was begun and is not ended."""
    marks = folder / ".snakemake" / "incomplete"
    marks.mkdir(parents=True, exist_ok=True)
    (marks / output).write_text(json.dumps({"external_jobid": job}), encoding="utf-8")


def test_without_marks_nobody_is_asked(folder: Path):
    program(folder, "squeue", "exit 1")
    begun(folder, "local", None)
    assert jobs_left() == {}


def test_only_jobs_of_this_folder_count(folder: Path):
    program(folder, "squeue", "echo 7_1 RUNNING; echo 8 PENDING; echo 9 RUNNING")
    begun(folder, "a", "7_1")
    begun(folder, "b", "8")
    begun(folder, "c", "10")
    assert jobs_left() == {"7_1": "RUNNING", "8": "PENDING"}


def test_a_cluster_that_does_not_answer_stops_the_run(folder: Path):
    program(folder, "squeue", "echo Unable to contact slurm controller >&2; exit 1")
    begun(folder, "a", "7")
    with pytest.raises(RuntimeError, match=r"gave jobs 7 to SLURM.*Unable to contact.*Start again"):
        jobs_left()


def test_waiting_ends_with_the_jobs(folder: Path):
    program(folder, "squeue", "[ -e over ] || echo 7 RUNNING; touch over")
    begun(folder, "a", "7")
    said: list[str] = []
    wait_for_jobs(jobs_left(), said.append, pause_s=0)
    assert len(said) == 1
    assert "7 (RUNNING); `scancel 7` ends them. This run waits for their end" in said[0]


FACTS = "JobState={} RunTime=00:00:09 TimeLimit=00:10:00 TRES=cpu=1,mem=1G Reason={} StdOut=job.log"


@pytest.mark.parametrize(
    ("state", "reason", "own", "said"),
    [
        ("CANCELLED", "None", "", "CANCELLED after 00:00:09 of 00:10:00.* makes it again"),
        ("TIMEOUT", "TimeLimit", "CANCELLED AT 12 DUE TO TIME LIMIT", "TIMEOUT.*runtime, in min"),
        ("OUT_OF_MEMORY", "OutOfMemory", "", "OutOfMemory.*mem_mb of its row of resources"),
        ("FAILED", "NonZeroExitCode", "StepId=7.0 exceeded memory limit (2 > 1)", "2 > 1.*mem_mb"),
        ("NODE_FAIL", "NodeDown", "", r"SLURM's reason: NodeDown\.$"),
    ],
)
def test_the_reason_of_a_failed_job_is_told(
    folder: Path, state: str, reason: str, own: str, said: str
):
    program(folder, "scontrol", f"echo '{FACTS.format(state, reason)}'")
    line = f"slurmstepd-node: error: {own}\n" if own else ""
    (folder / "job.log").write_text(f"Select jobs\n{line}", encoding="utf-8")
    [told] = describe_failed("SLURM-job '7' failed, SLURM status is\nSLURM-job '7' failed")
    assert told.startswith("SLURM job 7: ")
    assert re.search(said, told)


def test_where_slurm_is_not_or_has_forgotten_the_job_nothing_is_told(folder: Path):
    assert describe_failed("all is well") == []
    assert describe_failed("SLURM-job '7' failed") == []
    program(folder, "scontrol", "echo slurm_load_jobs error: Invalid job id >&2; exit 1")
    assert describe_failed("SLURM-job '7' failed") == []
