"""Files and folders that appear under their name whole, or not at all; lines, too.

Whoever finds one may take it for finished, however its writer ended: killed, out of disk, or beside
another one that writes the same. What a killed one left beside it goes when it is written again.
"""

import errno
import glob
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["append_line", "whole_file", "whole_folder"]

_OF_A_WRITE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yields a path beside `path` to write to; the file gets its name when it is on the disk.

    The folder of `path` is made. After an error nothing is left, and what was at `path` stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path)
    part = _part_of(path)
    try:
        yield part
        _flush(part)
        part.replace(path)
    except OSError as error:
        _name_the_file(error, path)
        raise
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yields an empty folder beside `path` to fill; it then takes the place of what was there.

    After an error nothing is left, and what was at `path` stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path)
    part, before = _part_of(path), path.with_name(f"{_beside(path)}.{os.getpid()}.before")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        yield part
        for file in part.rglob("*"):
            if file.is_file():
                _flush(file)
        if path.exists():  # a folder cannot be replaced by another in one step
            path.replace(before)
        part.replace(path)
    except OSError as error:
        _name_the_file(error, path)
        raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(before, ignore_errors=True)


def append_line(path: Path, line: str) -> None:
    """Add a line to the file at `path`, made with its folder where there is none.

    It is on the disk afterwards. After an error the file is as it was; half a line, which a writer
    in other ways has left, is not gone on with. Several processes may append to one file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        begin = "" if file.read(1) in (b"", b"\n") else "\n"
        content = f"{begin}{line}\n".encode()
        try:
            if file.write(content) != len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            os.fsync(file.fileno())
        except OSError:
            file.truncate(size)
            raise


def _name_the_file(error: OSError, path: Path) -> None:
    """The system does not say which file a write failed for."""
    if error.errno in _OF_A_WRITE and error.filename is None:
        error.filename = str(path)


def _part_of(path: Path) -> Path:
    return path.with_name(f"{_beside(path)}.{os.getpid()}.part")


def _beside(path: Path) -> str:
    return f".{path.name}.{socket.gethostname()}"


def _remove_abandoned(path: Path) -> None:
    """What processes of this machine left that are no more; of others it cannot be seen."""
    for kind in ("part", "before"):
        for left in path.parent.glob(f"{glob.escape(_beside(path))}.*.{kind}"):
            owner = left.name.removeprefix(f"{_beside(path)}.").removesuffix(f".{kind}")
            if owner.isdecimal() and not _is_alive(int(owner)):
                (shutil.rmtree if left.is_dir() else Path.unlink)(left)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True


def _flush(path: Path) -> None:
    """Else a name could outlive a loss of power and its content not."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
