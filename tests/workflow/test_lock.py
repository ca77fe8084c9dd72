"""A dead run keeps nobody out, and a living one is not run over."""

import json
import os
import signal
import socket

import pytest

pytestmark = pytest.mark.workflow


def test_a_second_run_is_refused_with_the_process_that_holds_the_folder(quick):
    quick.hold("decode")
    run = quick.start("snakemake", "--cores", "2")
    quick.wait_until_held(run)
    who = f"process {run.pid} on {socket.gethostname()}"
    code, said = quick.tried("snakemake", "--cores", "2")
    assert code == 1
    assert who in said
    # Without Snakemake's marks of the same files, as after --unlock.
    for mark in (quick.folder / ".snakemake" / "locks").iterdir():
        mark.unlink()
    code, said = quick.tried("snakemake", "--cores", "2")
    assert code == 1
    assert who in said
    assert "Wait for it, or stop it" in said
    code, said = quick.tried("snakemake", "--dry-run")
    assert code == 0
    assert who in said
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()


def test_marks_of_another_machine_are_named_and_not_broken(finished):
    locks = finished.folder / ".snakemake" / "locks"
    locks.mkdir(exist_ok=True)
    (locks / "0.output.lock").write_text("results/demo/report.html\n", encoding="utf-8")
    holder = {"pid": 7, "host": "node-7", "since": "2026-01-01 10:00:00", "command": "snakemake"}
    lock = finished.folder / ".snakemake" / "run.lock"
    lock.write_text(json.dumps(holder), encoding="utf-8")
    code, said = finished.tried("snakemake", "--cores", "2", "--forcerun", "write_page")
    assert code == 1
    assert "process 7 on node-7, since 2026-01-01 10:00:00" in said
    assert (locks / "0.output.lock").is_file()
    finished.run("snakemake", "--unlock")
    assert "node-7" not in finished.snakemake("--forcerun", "write_page")
