"""Atomic writes for files, folders and lines.

A name holds the old content or the new one, whole, at every instant: a writer may be killed, run
out of disk, or meet another writer of the same name. The next write removes what a killed one left.
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

__all__ = [
    "append_line",
    "replace_folder",
    "restore_folders",
    "try_to_write",
    "whole_file",
    "whole_folder",
    "write_json",
]

_OF_A_WRITE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
_BLOCK = 4096  # bytes; a full disk still accepts an empty file
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # linux/fcntl.h, linux/fs.h
# NFS and other file systems answer EINVAL; containers that filter system calls, EPERM.
_NO_EXCHANGE = {errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM}


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


def write_json(path: Path, content: Any) -> None:
    """Write JSON that people read, too: indented, in UTF-8, with no number that is none.

    Raises:
        ValueError: `content` holds NaN or infinity.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    with whole_file(path) as part:
        part.write_text(text + "\n", encoding="utf-8")


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder next to `path` to fill; it then replaces what is at `path`.

    After an error nothing is left, and `path` is as it was.
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
        _name_the_file(error, path)
        raise
    finally:
        _remove(part)


def replace_folder(new: Path, path: Path) -> None:
    """Rename the folder `new` to `path` and remove what was there.

    One system call swaps the two. Where a file system has none, `path` is gone for an instant. If
    the process is killed in it, `restore_folders`, or the next `whole_folder` for `path`, brings
    the old folder back.
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

    An old folder whose successor is already in place is removed.
    """
    for before in parent.glob(".*.before"):
        _restore(before.with_name(before.name.removeprefix(".").removesuffix(".before")))
        _remove(before)


def try_to_write(path: Path) -> None:
    """Write and remove a block next to `path`, under the name that `whole_file` writes to.

    Raises:
        OSError: nothing can be written there.
    """
    _remove_abandoned(path)
    part = _part_of(path)
    try:
        part.write_bytes(bytes(_BLOCK))
        _flush(part)
    finally:
        _remove(part)


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


def _before(path: Path) -> Path:
    """The old folder between two renames. Any process must find it: its name has no process."""
    return path.with_name(f".{path.name}.before")


def _restore(path: Path) -> None:
    if not os.path.lexists(path) and os.path.lexists(_before(path)):
        _before(path).replace(path)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two names in one step; False where the system or the file system cannot."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:
        return False
    names = os.fsencode(one), os.fsencode(other)
    if renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0:
        return True
    if (code := ctypes.get_errno()) in _NO_EXCHANGE:
        return False
    raise OSError(code, os.strerror(code), str(one), None, str(other))


def _remove(path: Path) -> None:
    """Remove a folder, file or link, as far as possible: what is left is removed next time."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _beside(path: Path) -> str:
    return f".{path.name}.{socket.gethostname()}"


def _remove_abandoned(path: Path) -> None:
    """Remove parts of dead processes of this machine; those of other machines cannot be judged."""
    for left in path.parent.glob(f"{glob.escape(_beside(path))}.*.part"):
        owner = left.name.removeprefix(f"{_beside(path)}.").removesuffix(".part")
        if owner.isdecimal() and not _is_alive(int(owner)):
            _remove(left)


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
