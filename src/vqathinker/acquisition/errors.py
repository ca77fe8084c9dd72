"""Errors of downloading and unpacking, one type for each outcome.

After a TransientError the same origin is tried again, after an OriginError the next one. All others
end the download.
"""

import shutil
from pathlib import Path


class TransferError(RuntimeError):
    """A download or an unpacking failed; the message contains no secret."""


class TransientError(TransferError):
    """A failure that may pass: a dropped connection, a stalled or overloaded server.

    `retry_after_s` is the pause that the server asked for, in seconds, or None.
    """

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class OriginError(TransferError):
    """This origin does not deliver the file; another one may."""


class GoneError(OriginError):
    """The origin has no such file."""


class WrongContentError(OriginError):
    """A file is not the expected one."""


class DiskFullError(TransferError):
    """There is too little free space; the message names the bytes needed and free."""


class BusyError(TransferError):
    """Another process is writing the same files."""


class UnsafeError(TransferError):
    """A path leads out of its folder, or an archive contains links, devices or too much."""


class DamagedArchiveError(TransferError):
    """An archive cannot be read: truncated, corrupt, of another format, or wrong password."""


class ConflictError(TransferError):
    """A file of an archive would overwrite something else."""


def conflict_error(path: Path) -> ConflictError:
    """Error for a path that is taken by something else."""
    return ConflictError(
        f"{path} is there with another content, and is left as it is; move it away, and run the "
        "same command again"
    )


def require_space(path: Path, needed: int) -> None:
    """Raise DiskFullError unless `needed` bytes are free on the disk of `path`.

    Args:
        path: file or folder to write; its parent folder exists.
        needed: bytes still to be written.
    """
    free = shutil.disk_usage(path if path.is_dir() else path.parent).free
    if needed > free:
        raise DiskFullError(
            f"{path}: not enough space: {needed:,} more bytes needed, {free:,} free. Free some, or "
            "move the folder to another disk, then run the same command again to resume."
        )
