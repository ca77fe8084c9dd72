"""Only one process writes a file at a time, and locks end with their process."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vqathinker.journal import open_journal
from vqathinker.phases.locks import LockedError, lock_path, single_writer

HOLD = """
import signal, sys
from pathlib import Path
from vqathinker.phases.locks import lock_path, single_writer
out = Path(sys.argv[1])
with single_writer(out, lock_path(out), "makes it"):
    print("held", flush=True)
    signal.pause()
"""
ADD = """
import sys
from pathlib import Path
from vqathinker.phases.locks import LockedError, lock_path, single_writer
out, added = Path(sys.argv[1]), 0
while added < 30:
    try:
        with single_writer(out, lock_path(out), "counts"):
            out.write_text(str(int(out.read_text()) + 1))
            added += 1
    except LockedError:
        pass
"""


def start(code: str, out: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", code, str(out)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def holder(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    process = start(HOLD, tmp_path / "out")
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_error_names_file_and_lock_holder(tmp_path: Path, holder) -> None:
    refused = pytest.raises(LockedError, match=f"process {holder.pid} ")
    with refused as error, open_journal(tmp_path / "out", {}):
        pass
    assert str(tmp_path / "out") in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == [".out.lock"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_lock_of_a_dead_process_is_free(tmp_path: Path, holder, number: signal.Signals) -> None:
    out = tmp_path / "out"
    os.kill(holder.pid, number)
    holder.wait()
    assert lock_path(out).is_file()
    with single_writer(out, lock_path(out), "makes it"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_lock_file_can_be_removed_while_others_wait_for_it(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("0", encoding="utf-8")
    processes = [start(ADD, out) for _ in range(3)]
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0] * 3
    assert out.read_text(encoding="utf-8") == "90"
