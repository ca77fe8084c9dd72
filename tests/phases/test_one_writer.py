"""A folder has one writer; the next one is told who it is, and a dead one keeps nobody out."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vqathinker.journal import open_journal
from vqathinker.phases.one_writer import HeldError, lock_of, only_writer

HOLD = """
import signal, sys
from pathlib import Path
from vqathinker.phases.one_writer import lock_of, only_writer
out = Path(sys.argv[1])
with only_writer(out, lock_of(out), "makes it"):
    print("held", flush=True)
    signal.pause()
"""
ADD = """
import sys
from pathlib import Path
from vqathinker.phases.one_writer import HeldError, lock_of, only_writer
out, added = Path(sys.argv[1]), 0
while added < 100:
    try:
        with only_writer(out, lock_of(out), "counts"):
            out.write_text(str(int(out.read_text()) + 1))
            added += 1
    except HeldError:
        pass
"""


def started(code: str, out: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", code, str(out)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def holder(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    process = started(HOLD, tmp_path / "out")
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_the_second_is_told_who_holds_it_and_what_to_do(
    tmp_path: Path, holder: "subprocess.Popen[str]"
) -> None:
    out = tmp_path / "out"
    with pytest.raises(HeldError) as error, only_writer(out, lock_of(out), "makes it"):
        pass
    host = socket.gethostname()
    said = str(error.value)
    assert said.startswith(f"{out}: another process makes it: process {holder.pid} on {host}, ")
    assert said.endswith(f"wait for it, or end it (`kill {holder.pid}` on {host}), and start again")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_dead_one_keeps_nobody_out(
    tmp_path: Path, holder: "subprocess.Popen[str]", how: signal.Signals
) -> None:
    out = tmp_path / "out"
    os.kill(holder.pid, how)
    holder.wait()
    assert lock_of(out).is_file()
    with only_writer(out, lock_of(out), "makes it"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_predictions_are_written_by_one_process_at_a_time(
    tmp_path: Path, holder: "subprocess.Popen[str]"
) -> None:
    with pytest.raises(HeldError, match=str(holder.pid)), open_journal(tmp_path / "out", {}):
        pass
    assert [path.name for path in tmp_path.iterdir()] == [".out.lock"]


def test_a_lock_file_that_its_holder_removes_is_not_taken_for_the_lock(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("0", encoding="utf-8")
    processes = [started(ADD, out) for _ in range(4)]
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0] * 4
    assert out.read_text(encoding="utf-8") == "400"


def test_a_file_system_without_locks_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", refuse)
    out = tmp_path / "out"
    with only_writer(out, lock_of(out), "makes it"), only_writer(out, lock_of(out), "makes it"):
        pass
