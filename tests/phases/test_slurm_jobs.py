"""Jobs of a killed run in the queue of SLURM, with a script as squeue."""

import os
from pathlib import Path

import pytest

from vqathinker.phases.slurm_jobs import earlier_jobs, wait_for_jobs

RUN = "135aa76b-9429-5768-ba11-f9c3414881ac"


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """queue(script) installs the script as squeue. One output is incomplete."""
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


def test_slurm_is_not_asked_without_an_incomplete_output(queue, tmp_path: Path):
    queue("exit 1")
    (tmp_path / ".snakemake" / "slurm_logs").mkdir()
    (tmp_path / ".snakemake" / "incomplete" / "output").unlink()
    assert earlier_jobs() == {}


def test_only_jobs_of_this_folder_are_found(queue, tmp_path: Path):
    rows = [f"7_1 RUNNING {RUN} {tmp_path}", f"8 PENDING mine_{RUN} {tmp_path}"]
    rows += [f"9 RUNNING {RUN} /elsewhere", f"10 RUNNING snakemake {tmp_path}"]
    queue("; ".join(f"echo '{row}'" for row in rows))
    assert earlier_jobs() == {"7_1": "RUNNING", "8": "PENDING"}


def test_run_stops_if_its_cluster_does_not_answer(queue, tmp_path: Path):
    queue("echo Unable to contact slurm controller >&2; exit 1")
    assert earlier_jobs() == {}
    (tmp_path / ".snakemake" / "slurm_logs").mkdir()
    with pytest.raises(RuntimeError, match="Unable to contact slurm controller"):
        earlier_jobs()


def test_wait_ends_with_the_jobs(queue, tmp_path: Path):
    queue(f"[ -e over ] && exit; touch over; echo '7 RUNNING {RUN} {tmp_path}'")
    messages: list[str] = []
    wait_for_jobs(earlier_jobs(), messages.append, pause_s=0)
    assert len(messages) == 1
    assert "`scancel 7`" in messages[0]
