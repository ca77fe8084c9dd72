"""Files and folders are complete, whatever happens to the process that writes them."""

import errno
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from vqathinker.atomic import append_line, whole_file, whole_folder

KILLED = """
import os, signal, sys
from pathlib import Path
from vqathinker.atomic import whole_file
with whole_file(Path(sys.argv[1])) as part:
    part.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_file_appears_only_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "new" / "table.csv"
    with whole_file(path) as part:
        part.write_text("half")
        assert not path.exists()
        part.write_text("whole")
    assert path.read_text() == "whole"
    assert listing(path.parent) == ["table.csv"]


def test_error_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("before")

    def fail() -> None:
        with whole_file(path) as part:
            part.write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match=str(path)):
        fail()
    assert path.read_text() == "before"
    assert listing(tmp_path) == ["table.csv"]


def test_lines_are_appended_after_complete_lines(tmp_path: Path) -> None:
    path = tmp_path / "new" / "journal.jsonl"
    append_line(path, "one")
    append_line(path, "two")
    assert path.read_text() == "one\ntwo\n"
    path.write_text('one\n{"half')
    append_line(path, "two")
    assert path.read_text().splitlines() == ["one", '{"half', "two"]


def test_line_that_does_not_fit_leaves_the_file_unchanged(tmp_path: Path) -> None:
    """With a file size limit, as on a full disk, the kernel writes a part of the line."""
    path = tmp_path / "journal.jsonl"
    path.write_text("one\n")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(OSError, match="No space left") as caught:
            append_line(path, "two" * 10)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert caught.value.errno == errno.ENOSPC
    assert path.read_text() == "one\n"


def test_temporary_files_of_dead_processes_only_are_removed(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "table.csv")], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(listing(tmp_path)) == 1
    assert "table.csv" not in listing(tmp_path)
    with whole_file(tmp_path / "table.csv") as part:
        part.write_text("mine")
        other = part.with_name(part.name.replace(part.suffixes[-2], ".1"))  # process 1 is alive
        other.write_text("its own")
        with whole_file(tmp_path / "other.csv") as second:
            second.write_text("whole")
    assert listing(tmp_path) == sorted([other.name, "other.csv", "table.csv"])
    with whole_file(tmp_path / "table.csv") as part:
        part.write_text("again")
    assert other.is_file()


# Replaces a folder in a child process that fails or exits at its nth system call, for each n.
EACH_CALL = """
import os, sys
from pathlib import Path
from vqathinker import atomic
how, folder = sys.argv[1], Path(sys.argv[2])
NAMES = ["mkdir", "rename", "replace", "fsync", "unlink", "rmdir", "scandir", "open"]

def write(path, text):
    with atomic.whole_folder(path) as part:
        for name in ("a", "b"):
            (part / name).write_text(text)

def read(path):
    return [(path / name).read_text() for name in ("a", "b")]

def interrupt(n):
    calls = iter(range(1, n + 1))
    def counted(call):
        def count(*args, **kwargs):
            if next(calls, None) == n:
                if how == "exits":
                    os._exit(0)
                raise OSError(5, "interrupted")
            return call(*args, **kwargs)
        return count
    for name in NAMES:
        setattr(os, name, counted(getattr(os, name)))
    return calls

n, found = 1, []
while True:
    path = folder / str(n) / "policy"
    write(path, "old")
    child = os.fork()
    if not child:
        calls = interrupt(n)
        try:
            write(path, "new")
        except OSError:
            pass
        os._exit(3 if next(calls, None) else 0)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        break
    if how == "fails":
        assert read(path) in (["old"] * 2, ["new"] * 2), (n, read(path))
    try:
        with atomic.whole_folder(path):
            raise KeyError
    except KeyError:
        found.append(read(path)[0])
        assert read(path) in (["old"] * 2, ["new"] * 2), (n, read(path))
    write(path, "next")
    assert read(path) == ["next"] * 2
    assert os.listdir(path.parent) == ["policy"], os.listdir(path.parent)
    n += 1
print(n, *found)
"""


@pytest.mark.parametrize("how", ["fails", "exits"])
def test_old_or_new_folder_survives_an_error_in_any_system_call(tmp_path: Path, how: str) -> None:
    command = [sys.executable, "-c", EACH_CALL, how, str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    calls, *found = done.stdout.split()
    assert int(calls) > 8
    assert set(found) == {"old", "new"}


def test_folder_replaces_a_link_but_not_its_target(tmp_path: Path) -> None:
    target, path = tmp_path / "large disk", tmp_path / "policy"
    target.mkdir()
    (target / "kept").touch()
    path.symlink_to(target)
    with whole_folder(path) as part:
        (part / "new").touch()
    assert not path.is_symlink()
    assert listing(path) == ["new"]
    assert listing(target) == ["kept"]
    assert listing(tmp_path) == ["large disk", "policy"]


def test_pipe_and_folder_are_not_replaced_by_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(FileExistsError, match=str(path)), whole_file(path) as part:
            part.touch()
    assert listing(tmp_path) == ["pipe"]
