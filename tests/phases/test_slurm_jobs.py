"""Jobs that an earlier run left to SLURM, and reasons of failed ones; its programs pretend."""

import os
from pathlib import Path

import pytest

from vqathinker.phases.slurm_jobs import jobs_left, wait_for_jobs


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


RUN = "135aa76b-9429-5768-ba11-f9c3414881ac"


def queue(folder: Path, *rows: str, before: str = "") -> None:
    """What squeue answers; and an output that was begun and is not ended."""
    marks = folder / ".snakemake" / "incomplete"
    marks.mkdir(parents=True)
    (marks / "output").write_text("{}", encoding="utf-8")
    echoes = "; ".join(f"echo '{row}'" for row in rows)
    program(folder, "squeue", f"{before}\n{echoes}")


def test_where_nothing_was_left_half_made_nobody_is_asked(folder: Path):
    program(folder, "squeue", "exit 1")
    assert jobs_left() == {}


def test_only_jobs_of_runs_of_this_folder_count(folder: Path):
    rows = [f"7_1 RUNNING {RUN} {folder}", f"8 PENDING mine_{RUN} {folder}"]
    others = [f"9 RUNNING {RUN} /elsewhere", f"10 RUNNING snakemake {folder}"]
    queue(folder, *rows, *others)
    assert jobs_left() == {"7_1": "RUNNING", "8": "PENDING"}


def test_a_cluster_that_does_not_answer_stops_a_run_that_used_it(folder: Path):
    queue(folder, before="echo Unable to contact slurm controller >&2; exit 1")
    assert jobs_left() == {}
    (folder / ".snakemake" / "slurm_logs").mkdir()
    with pytest.raises(RuntimeError, match=r"squeue does not say: Unable to contact.*Start again"):
        jobs_left()


def test_waiting_ends_with_the_jobs(folder: Path):
    queue(folder, f"7 RUNNING {RUN} {folder}", before="[ -e over ] && exit; touch over")
    said: list[str] = []
    wait_for_jobs(jobs_left(), said.append, pause_s=0)
    assert len(said) == 1
    assert "7 (RUNNING); `scancel 7` ends them. This run waits for their end" in said[0]
