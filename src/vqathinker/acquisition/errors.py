"""What can go wrong while files come or are unpacked: one type for each outcome.

A transient failure is tried again at the same origin, a failure of the origin leads to the next
one, everything else ends the download.
"""

import shutil
from pathlib import Path


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
    """The file will not fit; the message names the bytes needed and the bytes free."""


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
    free = shutil.disk_usage(path if path.is_dir() else path.parent).free
    if needed > free:
        raise DiskFullError(
            f"{path}: not enough space: {needed:,} more bytes needed, {free:,} free. Free some, or "
            "move the folder to another disk, then run the same command again to resume."
        )
