"""What can go wrong while a file comes, and what the next step is after each.

A transient failure is tried again at the same origin, a failure of the origin leads to the next
one, everything else ends the download.
"""

__all__ = [
    "BusyError",
    "DiskFullError",
    "GoneError",
    "OriginError",
    "TransferError",
    "TransientError",
    "UnsafeError",
]


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
    """The origin has no such file, or has it no more; it is there and answers."""


class DiskFullError(TransferError):
    """The file does not fit; the message names the bytes needed and the bytes free."""


class BusyError(TransferError):
    """Another process is writing the same file."""


class UnsafeError(TransferError):
    """What came would leave its folder, or is what no data set needs."""
