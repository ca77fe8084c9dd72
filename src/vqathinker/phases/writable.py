"""Whether the folders of a run can be written, asked before and after it.

Jobs and Snakemake fail in many words where a disk is full or may only be read, and their logs may
lie on the same disk. Standard library only: the Snakefile calls this.
"""

import errno
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from vqathinker.errors import explain

__all__ = ["unwritable"]

_PROBE = bytes(1 << 18)
# Others, such as a lock that is not there, are the business of whoever meets them.
_TOLD = {errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM}


def unwritable(folders: Iterable[str | os.PathLike[str]]) -> list[str]:
    """A line for every reason why folders, or the nearest that are there, take no 256 kB now."""
    found: dict[int, list[str]] = {}
    for folder in dict.fromkeys(_existing(Path(each)) for each in folders):
        if (number := _error_of(folder)) in _TOLD:
            found.setdefault(number, []).append(str(folder))
    return [explain(OSError(number, "", ", ".join(names))) for number, names in found.items()]


def _existing(folder: Path) -> Path:
    return folder if folder.exists() else _existing(folder.parent)


def _error_of(folder: Path) -> int:
    """The system's number of what keeps a file from being written; 0 for nothing."""
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            return 0 if file.write(_PROBE) == len(_PROBE) else errno.ENOSPC
    except OSError as error:
        return error.errno or 0
