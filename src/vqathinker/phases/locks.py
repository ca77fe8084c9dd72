"""Single-writer locks for output files and for the folder of a run.

A lock ends with its process, however the process ends. A killed Snakemake leaves its jobs running,
so the next run must not train or predict a second time in the same place.
"""

import fcntl
import os
import socket
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

_RUN_LOCK = Path(".snakemake/run.lock")
_WAIT_S = 0.2  # the holder may be removing the lock file right now, so try for a moment
_UNKNOWN = "a process that has just started"
_open_locks: list[object] = []  # closing a file releases its lock


class LockedError(RuntimeError):
    """Another process holds the lock; the message names it and says what to do."""


def lock_path(output: Path) -> Path:
    """The hidden lock file next to an output file or folder."""
    return output.with_name(f".{output.name}.lock")


@contextmanager
def single_writer(output: Path, lock: Path, activity: str) -> Iterator[None]:
    """Hold a lock inside this block, so that no other process writes `output`.

    Args:
        output: file or folder, for the message.
        lock: lock file. Its folder is created, and the file is removed at the end.
        activity: of the other process, such as "trains this run", for the message.

    Raises:
        LockedError: another process holds the lock.
        OSError: the lock file cannot be created.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    file_lock = FileLock(lock)
    try:
        file_lock.acquire(timeout=_WAIT_S)
    except Timeout:
        raise LockedError(
            f"{output}: another process {activity}: {_holder_of(lock)}. Wait for it or end it, "
            "then start again."
        ) from None
    try:
        _write_holder(lock)
        yield
    finally:
        # Remove the file before the release, because no process can lock a file without a name.
        lock.unlink(missing_ok=True)
        file_lock.release()


def lock_folder() -> int:
    """Lock this folder until this process and all that inherit the lock have ended.

    The jobs of a run inherit the lock. If the run is killed, its jobs keep the lock until they end,
    so no other run can start. The profiles disable Snakemake's own lock, because a killed run would
    leave it behind.

    Returns:
        The file descriptor of the lock, to be inherited.

    Raises:
        LockedError: another run, or a job of a killed run, holds the lock.
    """
    _RUN_LOCK.parent.mkdir(exist_ok=True)
    file = _RUN_LOCK.open("a", encoding="utf-8")
    _open_locks.append(file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LockedError(
            f"{Path.cwd()}: another run, or a job of a killed run, works in this folder: "
            f"{_holder_of(_RUN_LOCK)}. Wait for it, or end it and its jobs, then start again. To "
            "run another scale at the same time, use another checkout."
        ) from None
    except OSError:  # the file system does not support locks
        return file.fileno()
    _write_holder(_RUN_LOCK)
    return file.fileno()


def _write_holder(lock: Path) -> None:
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
    command = textwrap.shorten(command, 100, placeholder=" …")
    since = time.strftime("%Y-%m-%d %H:%M:%S %z")
    holder = f"process {os.getpid()} on {socket.gethostname()}, since {since} (`{command}`)"
    lock.write_text(holder, encoding="utf-8")


def _holder_of(lock: Path) -> str:
    with suppress(OSError):
        return lock.read_text(encoding="utf-8") or _UNKNOWN
    return _UNKNOWN
