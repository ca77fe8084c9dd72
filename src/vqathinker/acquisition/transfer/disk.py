"""Room on the disk: asked for before bytes come, and named when it runs out."""

import errno
import os
import shutil
from pathlib import Path

from vqathinker.acquisition.transfer.errors import DiskFullError

__all__ = ["disk_full_error", "require_space"]

_DISK_FULL_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "your quota is used up",
    errno.EFBIG: "the file system, or a limit of this process, takes no file that large",
}


def require_space(path: Path, needed: int) -> None:
    """Refuse to begin what cannot end.

    Args:
        path: file or folder that will be written; its folder exists.
        needed: bytes still to come.

    Raises:
        DiskFullError: fewer bytes are free.
    """
    free = _free_bytes(path)
    if needed > free:
        raise DiskFullError(_message(path, "not enough room", needed, free))


def disk_full_error(error: OSError, path: Path, needed: int | None) -> DiskFullError | None:
    """Turn an error of a write to `path` into one that names figures; None for other errors.

    Args:
        needed: bytes still to come when it happened; None when nobody knows.
    """
    reason = _DISK_FULL_REASONS.get(error.errno or 0)
    if reason is None:
        return None
    return DiskFullError(_message(path, reason, needed, _free_bytes(path)))


def _free_bytes(path: Path) -> int:
    folder = path if path.is_dir() else path.parent
    return shutil.disk_usage(folder).free


def _message(path: Path, reason: str, needed: int | None, free: int) -> str:
    count = "an unknown number of" if needed is None else f"{needed:,}"
    return (
        f"{os.fspath(path)}: {reason}: {count} more bytes needed, {free:,} free. Make room or "
        "move the folder to another disk, and run the same command again: it goes on from here."
    )
