"""What an archive may hold: files and folders below the target, no more of them than expected.

An archive's names, kinds and sizes are claims of whoever made it. Refused as a whole: names that
lead out of the target or mean something else on another system, everything that is neither file nor
folder (links and devices above all), and more files or bytes than its card allows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO

from vqathinker.acquisition.transfer.errors import TransferError, UnsafeError

__all__ = ["NO_FILE", "ArchiveLimits", "DamagedArchiveError", "LimitCounter", "Member"]

# Of a member that is refused.
NO_FILE = (
    "a link or device, no file; where you trust it, unpack it yourself below source/videos/ of the "
    "set, and move it away"
)


class DamagedArchiveError(TransferError):
    """An archive cannot be read to its end: cut off, changed on the way, or another password."""


@dataclass(frozen=True)
class ArchiveLimits:
    """How much an archive may hold, from the card of its set.

    Args:
        files: members, folders included.
        bytes: of all files together, unpacked.
        ratio: unpacked bytes for each byte of the archive. Videos do not shrink: 20 is plenty.
    """

    files: int
    bytes: int
    ratio: float


@dataclass(frozen=True)
class Member:
    """A file or folder of an archive.

    Args:
        path: below the target; safe.
        size: bytes that it says it has; 0 for a folder.
        is_folder: whether it is one.
        open: its content, to be read once, before the next member is asked for.
        same_as: the member before it whose content it has, where it has none of its own.
    """

    path: PurePosixPath
    size: int
    is_folder: bool
    open: Callable[[], BinaryIO]
    same_as: PurePosixPath | None = None


class LimitCounter:
    """Counts what an archive unpacks to, against its limits.

    Args:
        archive_size: bytes of the archive itself.
        limits: see there.
    """

    def __init__(self, archive_size: int, limits: ArchiveLimits) -> None:
        self._limits = limits
        self._most_bytes = min(limits.bytes, int(limits.ratio * archive_size))
        self._archive_size = archive_size
        self.files = 0
        self.bytes = 0

    def add(self, member: Member) -> None:
        """Count a member as it says it is; UnsafeError when it is one too many."""
        self.files += 1
        if self.files > self._limits.files:
            raise UnsafeError(
                f"holds more than {self._limits.files:,} files, the most its card allows"
            )
        self.bytes += member.size
        if self.bytes > self._most_bytes:
            ratio = self._limits.ratio
            limit = (
                "the most its card allows"
                if self._most_bytes == self._limits.bytes
                else f"{ratio:g} times the {self._archive_size:,} bytes of the archive"
            )
            raise UnsafeError(f"unpacks to more than {self._most_bytes:,} bytes, {limit}")
