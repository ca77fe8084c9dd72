"""Atomic writes for files, folders and lines.

A name holds the complete old or the complete new content at every instant, even if the writer is
killed, the disk is full, or another process writes the same name. The next write removes what a
killed one left.
"""

import ctypes
import errno
import glob
import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_WRITE_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # linux/fcntl.h, linux/fs.h
# NFS and other file systems answer EINVAL; containers that filter system calls, EPERM.
_NO_EXCHANGE = {errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM}


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a path next to `path` to write to; the file is renamed to `path` when it is on disk.

    The folder of `path` is created. After an error `path` is unchanged and nothing else is left.

    Raises:
        FileExistsError: `path` is a folder or a device such as /dev/null.
    """
    if path.exists() and not path.is_file():
        raise FileExistsError(errno.EEXIST, "exists and is not a file", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path)
    part = _part_of(path)
    try:
        yield part
        _flush(part)
        part.replace(path)
    except OSError as error:
        _name_the_file(error, part, path)
        raise
    finally:
        _remove(part)  # raises no error, which would hide the first one


def write_json(path: Path, content: Any) -> None:
    """Write indented JSON in UTF-8; raises ValueError if `content` holds NaN or infinity."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    with whole_file(path) as part:
        part.write_text(text + "\n", encoding="utf-8")


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder next to `path` to fill; it then replaces what is at `path`.

    After an error `path` is unchanged and nothing else is left.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _restore(path)
    _remove_abandoned(path)
    part = _part_of(path)
    _remove(part)
    part.mkdir()
    try:
        yield part
        for file in part.rglob("*"):
            if file.is_file():
                _flush(file)
        replace_folder(part, path)
    except OSError as error:
        _name_the_file(error, part, path)
        raise
    finally:
        _remove(part)


def replace_folder(new: Path, path: Path) -> None:
    """Rename the folder `new` to `path` and remove what was there.

    One system call swaps the two. On file systems without it, `path` does not exist for an
    instant; if the process is killed then, `restore_folders` or the next `whole_folder` for `path`
    brings the old folder back.
    """
    if not os.path.lexists(path):
        new.replace(path)
    elif not _exchange(new, path):
        _remove(_before(path))
        try:
            path.replace(_before(path))
            new.replace(path)
        finally:
            _restore(path)
    _remove(new)
    _remove(_before(path))


def restore_folders(parent: Path) -> None:
    """Bring back the folders in `parent` that a killed `replace_folder` had renamed.

    An old folder is removed if its successor is already in place.
    """
    for before in parent.glob(".*.before"):
        _restore(before.with_name(before.name.removeprefix(".").removesuffix(".before")))
        _remove(before)


def append_line(path: Path, line: str) -> None:
    """Append a line to the file at `path` and flush it to disk; the file is created if needed.

    After an error the file is as it was. A half-written last line is ended first. Several
    processes may append to one file.
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


def _name_the_file(error: OSError, part: Path, path: Path) -> None:
    """Errors name the hidden part, or no file at all if a write failed."""
    unnamed = error.filename is None and error.errno in _WRITE_ERRORS
    if unnamed or str(error.filename) == str(part):
        error.filename = str(path)


def _part_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.part")


def _before(path: Path) -> Path:
    """The old folder between two renames; every process must find it, so no process is named."""
    return path.with_name(f".{path.name}.before")


def _restore(path: Path) -> None:
    if not os.path.lexists(path) and os.path.lexists(_before(path)):
        _before(path).replace(path)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two names in one step; False if the file system cannot."""
    names = os.fsencode(one), os.fsencode(other)
    libc = ctypes.CDLL(None, use_errno=True)  # Python has no renameat2
    if libc.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0:
        return True
    if (code := ctypes.get_errno()) in _NO_EXCHANGE:
        return False
    raise OSError(code, os.strerror(code), str(one), None, str(other))


def _remove(path: Path) -> None:
    """Remove a folder, file or link as far as possible; the next write removes the rest."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _remove_abandoned(path: Path) -> None:
    """Remove parts of dead processes of this host; other hosts' processes cannot be checked."""
    for part in path.parent.glob(f".{glob.escape(path.name)}.{socket.gethostname()}.*.part"):
        try:
            os.kill(int(part.suffixes[-2][1:]), 0)
        except ProcessLookupError:
            _remove(part)
        except PermissionError:  # alive, and another user's
            pass


def _flush(path: Path) -> None:
    """After a power failure the name could otherwise exist without its content."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
