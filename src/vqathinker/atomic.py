"""Atomic writes for files, folders and lines.

At every instant a file has the complete old or the complete new content, even if the writer is
killed, the disk is full, or another process writes the same file. A folder has no name between two
renames; if the process is killed then, the next write restores the old folder. The next write also
removes temporary files of killed processes.
"""

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


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to, which is flushed to disk and renamed to `path`.

    The parent folder is created. After an error, `path` is unchanged and no other file remains.

    Raises:
        FileExistsError: `path` is a folder or a device such as /dev/null.
    """
    if path.exists() and not path.is_file():
        raise FileExistsError(errno.EEXIST, "exists and is not a file", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path)
    part = _temporary_path(path)
    try:
        yield part
        _flush(part)
        part.replace(path)
    except OSError as error:
        _set_file_name(error, part, path)
        raise
    finally:
        _remove(part)  # never raises, which would hide the original error


def write_json(path: Path, content: Any) -> None:
    """Write indented JSON in UTF-8. Raises ValueError if `content` contains NaN or infinity."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    with whole_file(path) as part:
        part.write_text(text + "\n", encoding="utf-8")


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield an empty temporary folder to fill, which then replaces `path`.

    After an error, `path` is unchanged and no other folder remains.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _restore(path)
    _remove_abandoned(path)
    part = _temporary_path(path)
    _remove(part)
    part.mkdir()
    try:
        yield part
        for file in part.rglob("*"):
            if file.is_file():
                _flush(file)
        replace_folder(part, path)
    except OSError as error:
        _set_file_name(error, part, path)
        raise
    finally:
        _remove(part)


def replace_folder(new: Path, path: Path) -> None:
    """Rename the folder `new` to `path` and remove the old folder.

    `path` does not exist between two renames. If the process is killed then, `restore_folders` or
    the next `whole_folder` for `path` restores the old folder.
    """
    if os.path.lexists(path):
        _remove(_old_path(path))
        path.replace(_old_path(path))
    try:
        new.replace(path)
    finally:
        _restore(path)
    _remove(_old_path(path))


def restore_folders(parent: Path) -> None:
    """Restore the folders in `parent` that a killed `replace_folder` had renamed.

    An old folder is removed if the new one already has its name.
    """
    for old in parent.glob(".*.before"):
        _restore(old.with_name(old.name.removeprefix(".").removesuffix(".before")))
        _remove(old)


def append_line(path: Path, line: str) -> None:
    """Append a line to a file and flush it to disk. The file is created if needed.

    After an error, the file is unchanged. If the last line is incomplete, the new one starts on a
    line of its own. Several processes may append to the same file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        newline = "" if file.read(1) in (b"", b"\n") else "\n"
        content = f"{newline}{line}\n".encode()
        try:
            if file.write(content) != len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            os.fsync(file.fileno())
        except OSError:
            file.truncate(size)
            raise


def _set_file_name(error: OSError, part: Path, path: Path) -> None:
    # A failed write names no file, and other errors name the temporary one.
    unnamed = error.filename is None and error.errno in _WRITE_ERRORS
    if unnamed or str(error.filename) == str(part):
        error.filename = str(path)


def _temporary_path(path: Path) -> Path:
    return path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.part")


def _old_path(path: Path) -> Path:
    # The name of the old folder between two renames. Any process must be able to find it.
    return path.with_name(f".{path.name}.before")


def _restore(path: Path) -> None:
    if not os.path.lexists(path) and os.path.lexists(_old_path(path)):
        _old_path(path).replace(path)


def _remove(path: Path) -> None:
    # As far as possible: the next write removes the rest.
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _remove_abandoned(path: Path) -> None:
    # Of this host only, because processes of other hosts cannot be checked.
    for part in path.parent.glob(f".{glob.escape(path.name)}.{socket.gethostname()}.*.part"):
        try:
            os.kill(int(part.suffixes[-2][1:]), 0)
        except ProcessLookupError:
            _remove(part)
        except PermissionError:  # the process lives and belongs to another user
            pass


def _flush(path: Path) -> None:
    # After a power failure, the name could otherwise exist without the content.
    with path.open("rb") as file:
        os.fsync(file.fileno())
