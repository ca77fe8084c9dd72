"""What has its name is whole, whatever happened to its writer."""

import errno
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
from vqathinker.atomic import whole_file, whole_folder
path = Path(sys.argv[1])
with {context}(path) as part:
    {write}
    os.kill(os.getpid(), signal.SIGKILL)
"""


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_has_its_name_only_once_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "table.csv"
    with whole_file(path) as part:
        part.write_text("half")
        assert not path.exists()
        part.write_text("whole")
    assert path.read_text() == "whole"
    assert listing(path.parent) == ["table.csv"]


def test_an_error_leaves_the_file_that_was_there_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("before")

    def fail() -> None:
        with whole_file(path) as part:
            part.write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        fail()
    assert path.read_text() == "before"
    assert listing(tmp_path) == ["table.csv"]


def test_a_folder_takes_the_place_of_another_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "policy"
    for name in ("old", "new"):
        with whole_folder(path) as part:
            (part / "deep").mkdir()
            (part / "deep" / name).write_text(name)
    assert listing(path / "deep") == ["new"]
    assert listing(tmp_path) == ["policy"]


def test_an_error_leaves_the_folder_that_was_there_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "policy"
    path.mkdir()
    (path / "old").write_text("old")

    def fail() -> None:
        with whole_folder(path) as part:
            (part / "new").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert listing(path) == ["old"]
    assert listing(tmp_path) == ["policy"]


@pytest.mark.parametrize(
    ("context", "write"),
    [
        ("whole_file", "part.write_text('half')"),
        ("whole_folder", "(part / 'a').write_text('half')"),
    ],
)
def test_a_killed_writer_leaves_nothing_under_the_name(
    tmp_path: Path, context: str, write: str
) -> None:
    code = KILLED.format(context=context, write=write)
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "result")], check=False)
    assert done.returncode == -signal.SIGKILL
    assert "result" not in listing(tmp_path)


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write = "part.write_text('theirs'); print('half way', flush=True); input()"
    code = KILLED.format(context="whole_file", write=write)
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout.readline() == b"half way\n"
        with whole_file(path) as part:
            part.write_text("ours")
        child.communicate(b"\n")
    assert child.returncode == -signal.SIGKILL
    assert path.read_text() == "ours"


def test_lines_are_added_behind_whole_ones(tmp_path: Path) -> None:
    path = tmp_path / "new" / "journal.jsonl"
    append_line(path, "one")
    append_line(path, "two")
    assert path.read_text() == "one\ntwo\n"
    path.write_text('one\n{"half')
    append_line(path, "two")
    assert path.read_text().splitlines() == ["one", '{"half', "two"]


def test_a_line_that_does_not_fit_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    """A limit of the process stands for the disk: the kernel takes a part, then nothing."""
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


def test_what_a_killed_writer_left_goes_and_what_a_living_one_writes_stays(tmp_path: Path) -> None:
    code = KILLED.format(context="whole_file", write="part.write_text('half')")
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "table.csv")], check=False)
    assert len(listing(tmp_path)) == 1
    with whole_file(tmp_path / "table.csv") as part:
        part.write_text("mine")
        other = part.with_name(part.name.replace(part.suffixes[-2], ".1"))  # init is alive
        other.write_text("its own")
        with whole_file(tmp_path / "other.csv") as beside:
            beside.write_text("whole")
    assert listing(tmp_path) == sorted([other.name, "other.csv", "table.csv"])
    with whole_file(tmp_path / "table.csv") as part:
        part.write_text("again")
    assert other.is_file()


def test_an_error_of_a_write_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    with pytest.raises(OSError, match="full") as error, whole_file(path):
        raise OSError(errno.ENOSPC, "full")
    assert error.value.filename == str(path)
