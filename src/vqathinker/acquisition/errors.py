"""What can go wrong while files come or are unpacked: one type for each outcome.

A transient failure is tried again at the same origin, a failure of the origin leads to the next
one, everything else ends the download.
"""

import errno
import shutil
from pathlib import Path

_DISK_FULL_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "your quota is used up",
    errno.EFBIG: "larger than a file may be here",
}


class TransferError(RuntimeError):
    """A download or an unpacking that did not succeed; the message holds no secret."""


class TransientError(TransferError):
    """May be over in a moment: a dropped connection, a stalled or an overloaded server.

    `retry_after_s` is what the server asked for, in seconds; None when it did not ask.
    """

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class OriginError(TransferError):
    """This origin does not deliver the file; another may."""


class GoneError(OriginError):
    """The origin answers that it has no such file."""


class WrongContentError(OriginError):
    """A file is not the one that was expected; the message says in what way."""


class DiskFullError(TransferError):
    """The file does not fit; the message names the bytes needed and the bytes free."""


class BusyError(TransferError):
    """Another process is writing the same files."""


class UnsafeError(TransferError):
    """A name leads out of its folder, or an archive holds what no data set needs."""


class DamagedArchiveError(TransferError):
    """An archive cannot be read here: cut off, changed, of another kind, or another password."""


class ConflictError(TransferError):
    """Something else is where a file of an archive belongs."""


def conflict_error(path: Path) -> ConflictError:
    """An error for `path`, which is in the way."""
    return ConflictError(
        f"{path} is there with another content, and is left as it is; move it away, and run the "
        "same command again"
    )


def require_space(path: Path, needed: int) -> None:
    """Raise DiskFullError unless `needed` bytes are free on the disk of `path`.

    Args:
        path: file or folder that will be written; its folder exists.
        needed: bytes still to come.
    """
    if needed > _free_bytes(path):
        raise DiskFullError(_describe_lack(path, "not enough space", needed))


def disk_full_error(error: OSError, path: Path, needed: int | None) -> DiskFullError | None:
    """Turn an error of a write to `path` into one that names figures; None for other errors.

    Args:
        needed: bytes still to come when it happened; None when unknown.
    """
    reason = _DISK_FULL_REASONS.get(error.errno or 0)
    return DiskFullError(_describe_lack(path, reason, needed)) if reason else None


def _free_bytes(path: Path) -> int:
    return shutil.disk_usage(path if path.is_dir() else path.parent).free


def _describe_lack(path: Path, reason: str, needed: int | None) -> str:
    count = "an unknown number of" if needed is None else f"{needed:,}"
    return (
        f"{path}: {reason}: {count} more bytes needed, {_free_bytes(path):,} free. Free some space "
        "or move the folder to another disk, then run the same command again to resume."
    )
