"""One run of the workflow in a folder at a time, and none kept out by a dead one.

Snakemake marks the files of a run in `.snakemake/locks`, and a killed run leaves the marks behind:
`--unlock` has to be typed before it goes on. Here a run holds an advisory lock besides, which ends
with its process, so that marks of a dead run are told from those of a living one and are removed.
Nothing but the standard library, as the Snakefile calls it.
"""

import socket
import time
from pathlib import Path
from typing import IO

from vqathinker.phases.one_writer import describe_holder, read_holder, try_lock, write_holder

__all__ = ["HeldFolderError", "clear_stale_lock", "hold_folder", "release_folder"]

_SNAKEMAKE = Path(".snakemake")
_LOCK = _SNAKEMAKE / "run.lock"
_PATIENCE_S = 5  # runs that only look hold the lock for moments
_held: list[IO[str]] = []


class HeldFolderError(RuntimeError):
    """Another run works in this folder; the message says which, where and since when."""


def clear_stale_lock() -> str | None:
    """Remove what a dead run of this machine left; what the user should know of others, if any.

    To be called before Snakemake looks for its marks. A run that is alive, or one of another
    machine, whose end cannot be seen from here, is named and nothing of it is touched.
    """
    if not _LOCK.exists() and not _marks():
        return None
    _SNAKEMAKE.mkdir(exist_ok=True)
    with _LOCK.open("a+", encoding="utf-8") as file:
        free, holder, marks = try_lock(file), read_holder(file), _marks()
        if free is False:
            return f"Another run works in {Path.cwd()}: {describe_holder(holder)}."
        if free is None or not marks:
            return None
        if holder and holder["host"] != socket.gethostname():
            return (
                f"{Path.cwd()} is locked by {describe_holder(holder)}. Whether that run is alive "
                "can be seen only there; if it is dead, type `snakemake --unlock` and start again."
            )
        for mark in marks:
            mark.unlink(missing_ok=True)
    return None


def hold_folder() -> None:
    """Hold this folder until the process ends, in whatever way, or `release_folder` is called.

    Raises:
        HeldFolderError: another run holds it.
    """
    _SNAKEMAKE.mkdir(exist_ok=True)
    file = _LOCK.open("a+", encoding="utf-8")
    until = time.monotonic() + _PATIENCE_S
    while try_lock(file) is False:
        if time.monotonic() > until:
            holder = describe_holder(read_holder(file))
            file.close()
            raise HeldFolderError(
                f"Another run works in {Path.cwd()}: {holder}. Wait for it, or stop it, and start "
                "again; other scales need a checkout of their own."
            )
        time.sleep(0.1)
    write_holder(file)
    _held.append(file)


def release_folder() -> None:
    """Let others in: the run has come to its end."""
    while _held:
        with _held.pop() as file:
            file.truncate(0)


def _marks() -> list[Path]:
    return sorted((_SNAKEMAKE / "locks").glob("*.lock"))
