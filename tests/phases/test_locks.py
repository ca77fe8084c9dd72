"""One process writes a file at a time, and a dead one locks out nobody."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vqathinker.journal import open_journal
from vqathinker.phases.locks import HeldError, lock_of, only_writer

HOLD = """
import signal, sys
from pathlib import Path
from vqathinker.phases.locks import lock_of, only_writer
out = Path(sys.argv[1])
with only_writer(out, lock_of(out), "makes it"):
    print("held", flush=True)
    signal.pause()
"""
ADD = """
import sys
from pathlib import Path
from vqathinker.phases.locks import HeldError, lock_of, only_writer
out, added = Path(sys.argv[1]), 0
while added < 30:
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


def test_an_error_names_the_file_and_the_holder(tmp_path: Path, holder) -> None:
    named = pytest.raises(HeldError, match=f"process {holder.pid} ")
    with named as error, open_journal(tmp_path / "out", {}):
        pass
    assert str(tmp_path / "out") in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == [".out.lock"]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_dead_holder_locks_out_nobody(tmp_path: Path, holder, how: signal.Signals) -> None:
    out = tmp_path / "out"
    os.kill(holder.pid, how)
    holder.wait()
    assert lock_of(out).is_file()
    with only_writer(out, lock_of(out), "makes it"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_removed_lock_file_does_not_count_as_the_lock(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("0", encoding="utf-8")
    processes = [started(ADD, out) for _ in range(3)]
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0] * 3
    assert out.read_text(encoding="utf-8") == "90"
