"""Single-writer locks for output files and for the folder of a run.

The locks end with their process, however that ends. A killed Snakemake leaves its jobs alive, so
the next run must not train or predict a second time in the same place.
"""

import fcntl
import json
import os
import socket
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

_RUN_LOCK = Path(".snakemake/run.lock")
_WAIT_S = 0.2  # a lock file that its holder is just removing is tried again
_held: list[object] = []  # closing a file would release its lock


class HeldError(RuntimeError):
    """Another process holds the lock; the message names it and says what to do."""


def lock_of(product: Path) -> Path:
    """The hidden lock file next to a file or folder that is being made."""
    return product.with_name(f".{product.name}.lock")


@contextmanager
def only_writer(product: Path, lock: Path, does: str) -> Iterator[None]:
    """Hold a lock inside this block, so that no other process writes `product`.

    Args:
        product: what is being made, for the message.
        lock: lock file; its folder is created, and the file is removed in the end.
        does: what the other process does, such as "trains this run".

    Raises:
        HeldError: another process holds the lock.
        OSError: the lock file cannot be created.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    file_lock = FileLock(lock)
    try:
        file_lock.acquire(timeout=_WAIT_S)
    except Timeout:
        raise HeldError(
            f"{product}: another process {does}: {_holder_of(lock)}; wait for it, or end it, and "
            "start again"
        ) from None
    try:
        _write_holder(lock)
        yield
    finally:
        # Removed while it is held: nobody can get a lock on a removed file.
        lock.unlink(missing_ok=True)
        file_lock.release()


def hold_folder() -> int:
    """Lock this folder until this process and all that inherit the lock have ended.

    The jobs of a run inherit it, so those that outlive a killed run keep the next one out until
    they end. Nothing has to be unlocked by hand, and the profiles disable Snakemake's own lock.

    Returns:
        The file descriptor of the lock, to be inherited.

    Raises:
        HeldError: another run holds the folder, or jobs that it left behind.
    """
    _RUN_LOCK.parent.mkdir(exist_ok=True)
    file = _RUN_LOCK.open("a", encoding="utf-8")
    _held.append(file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise HeldError(
            f"Another run works in {Path.cwd()}, or jobs that it left behind: "
            f"{_holder_of(_RUN_LOCK)}. Wait for it, or end it and its jobs, and start again; run "
            "other scales at the same time in another checkout."
        ) from None
    except OSError:  # this file system has no locks
        return file.fileno()
    _write_holder(_RUN_LOCK)
    return file.fileno()


def _write_holder(lock: Path) -> None:
    since = time.strftime("%Y-%m-%d %H:%M:%S %z")
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
    holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": since, "command": command}
    lock.write_text(json.dumps(holder) + "\n", encoding="utf-8")


def _holder_of(lock: Path) -> str:
    """Process, machine and command of the holder of a lock."""
    try:
        holder = json.loads(lock.read_text(encoding="utf-8"))
        command = textwrap.shorten(holder["command"], 100, placeholder=" …")
    except (OSError, ValueError):
        return "a process that has just begun"
    return f"process {holder['pid']} on {holder['host']}, since {holder['since']} (`{command}`)"
