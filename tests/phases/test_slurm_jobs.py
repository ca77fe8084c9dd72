"""Jobs that a killed run left in the queue of SLURM; a script stands in for squeue."""

import os
from pathlib import Path

import pytest

from vqathinker.phases.slurm_jobs import jobs_left, wait_for_jobs

RUN = "135aa76b-9429-5768-ba11-f9c3414881ac"


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """queue(script) makes squeue this script; one output is unfinished."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.chdir(tmp_path)
    marks = tmp_path / ".snakemake" / "incomplete"
    marks.mkdir(parents=True)
    (marks / "output").write_text("{}", encoding="utf-8")

    def write(script: str) -> None:
        program = tmp_path / "bin" / "squeue"
        program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        program.chmod(0o755)

    return write


def test_without_an_unfinished_output_nothing_is_asked(queue, tmp_path: Path):
    queue("exit 1")
    (tmp_path / ".snakemake" / "slurm_logs").mkdir()
    (tmp_path / ".snakemake" / "incomplete" / "output").unlink()
    assert jobs_left() == {}


def test_only_jobs_of_runs_of_this_folder_count(queue, tmp_path: Path):
    rows = [f"7_1 RUNNING {RUN} {tmp_path}", f"8 PENDING mine_{RUN} {tmp_path}"]
    rows += [f"9 RUNNING {RUN} /elsewhere", f"10 RUNNING snakemake {tmp_path}"]
    queue("; ".join(f"echo '{row}'" for row in rows))
    assert jobs_left() == {"7_1": "RUNNING", "8": "PENDING"}


def test_a_cluster_that_does_not_answer_stops_a_run_that_used_it(queue, tmp_path: Path):
    queue("echo Unable to contact slurm controller >&2; exit 1")
    assert jobs_left() == {}
    (tmp_path / ".snakemake" / "slurm_logs").mkdir()
    with pytest.raises(RuntimeError, match="Unable to contact slurm controller"):
        jobs_left()


def test_waiting_ends_with_the_jobs(queue, tmp_path: Path):
    queue(f"[ -e over ] && exit; touch over; echo '7 RUNNING {RUN} {tmp_path}'")
    notices: list[str] = []
    wait_for_jobs(jobs_left(), notices.append, pause_s=0)
    assert len(notices) == 1
    assert "`scancel 7`" in notices[0]
