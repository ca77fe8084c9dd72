"""One run of the workflow in a folder at a time, its orphaned jobs included.

A run holds an advisory lock, which ends with its process. Its jobs inherit the lock, so those that
outlive a killed run keep the next one out until they are through. Nothing has to be unlocked by
hand, and the profiles switch Snakemake's own lock off. Standard library only: the Snakefile calls
this.
"""

from pathlib import Path

from vqathinker.phases.one_writer import describe_holder, read_holder, try_lock, write_holder

_LOCK = Path(".snakemake/run.lock")
_held: list[object] = []  # a file that nobody refers to would be closed


class HeldFolderError(RuntimeError):
    """Another run works in this folder; the message says which, where and since when."""


def hold_folder() -> int:
    """Hold this folder until this process and all that inherits the lock have ended.

    Returns:
        The lock's file descriptor, for processes to inherit.

    Raises:
        HeldFolderError: another run holds the folder, or jobs that it left behind.
    """
    _LOCK.parent.mkdir(exist_ok=True)
    file = _LOCK.open("a+", encoding="utf-8")
    _held.append(file)
    if try_lock(file) is False:
        raise HeldFolderError(
            f"Another run works in {Path.cwd()}, or jobs that it left behind: "
            f"{describe_holder(read_holder(file))}. Wait for its end, or stop it and its jobs, and "
            "start again; other scales at the same time need a checkout of their own."
        )
    write_holder(file)
    return file.fileno()
