"""What only one process may write at a time: an advisory lock, and who holds it.

The lock ends with its process, however that ends. Whoever holds it says so in the lock's file, for
a job can outlive the run that started it: a killed Snakemake leaves its jobs alive, and the next
run must not train, or ask, a second time in the same place. Standard library only.
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
from typing import IO

__all__ = [
    "HeldError",
    "describe_holder",
    "lock_of",
    "only_writer",
    "read_holder",
    "try_lock",
    "write_holder",
]

_LONGEST_COMMAND = 100


class HeldError(RuntimeError):
    """Another process writes the same; the message says which, where and what to do."""


def lock_of(product: Path) -> Path:
    """The hidden lock file beside a file or folder that is being made."""
    return product.with_name(f".{product.name}.lock")


@contextmanager
def only_writer(product: Path, lock: Path, does: str) -> Iterator[None]:
    """Let no other process write `product` inside this block, where the file system has locks.

    Args:
        product: what is being made, for the message.
        lock: file to lock; its folder is made, and the file is removed in the end.
        does: what the other process does, such as "trains this run".

    Raises:
        HeldError: another process is at it.
        OSError: the lock's file cannot be made.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with _opened(lock) as (file, is_free):
        if not is_free:
            holder = read_holder(file)
            stop = f"`kill {holder['pid']}` on {holder['host']}" if holder else "stop it"
            raise HeldError(
                f"{product}: another process {does}: {describe_holder(holder)}; wait for it, or "
                f"end it ({stop}), and start again"
            )
        write_holder(file)
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)  # while it is held: whoever opened it looks for that


@contextmanager
def _opened(lock: Path) -> Iterator[tuple[IO[str], bool]]:
    """The file under the lock's name, not one that its holder removed meanwhile; whether free."""
    while True:
        with lock.open("a+", encoding="utf-8") as file:
            is_free = try_lock(file) is not False
            if not is_free or _is_at(lock, file):
                yield file, is_free
                return


def _is_at(path: Path, file: IO[str]) -> bool:
    try:
        return path.stat().st_ino == os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return False


def try_lock(file: IO[str]) -> bool | None:
    """Whether the lock was free and is now held; None on a file system without locks."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def write_holder(file: IO[str]) -> None:
    """Put this process, its machine, command and the time into the lock's file."""
    since = time.strftime("%Y-%m-%d %H:%M:%S %z")
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
    holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": since, "command": command}
    file.truncate(0)
    file.write(json.dumps(holder) + "\n")
    file.flush()


def read_holder(file: IO[str]) -> dict[str, str] | None:
    """What `write_holder` wrote; None where nothing is written, or half of it."""
    file.seek(0)
    try:
        holder: dict[str, str] = json.loads(file.read())
    except ValueError:
        return None
    return holder


def describe_holder(holder: dict[str, str] | None) -> str:
    """The holder of a lock in words, with its machine and what was typed."""
    if holder is None:
        return "a process that has only begun"
    command = textwrap.shorten(holder["command"], _LONGEST_COMMAND, placeholder=" …")
    return f"process {holder['pid']} on {holder['host']}, since {holder['since']} (`{command}`)"
