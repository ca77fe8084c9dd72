"""One file that came in parts, read as one without a second copy on the disk.

LIVE-YT-HFR's 4K archives are to be joined with `cat Flips_parts* > Flips.zip`, which takes
their size once more.
"""

import bisect
import errno
import io
from collections.abc import Sequence
from io import FileIO
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["JoinedFiles"]


class JoinedFiles(io.RawIOBase):
    """Files end to end, in the order given; for reading only.

    Raises:
        ValueError: no file is given.
        FileNotFoundError: one of them is not there.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        super().__init__()
        self._files: list[FileIO] = []
        if not paths:
            raise ValueError("no parts given, expected at least one file")
        try:
            for path in paths:
                self._files.append(path.open("rb", buffering=0))
        except OSError:
            self.close()
            raise
        self._ends = list(accumulate(path.stat().st_size for path in paths))
        self._position = 0

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return self._ends[-1]

    @property
    def starts(self) -> list[int]:
        """Where each part begins in the whole."""
        return [0, *self._ends[:-1]]

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """Position in the whole."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position of the whole; OSError, as of a file, when it lies before the start."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, f"position {base + offset}, expected 0 or more")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: "Buffer", /) -> int:
        """Fill a buffer from the part at the position; 0 at the end of the last part."""
        number = bisect.bisect_right(self._ends, self._position)
        if number == len(self._ends):
            return 0
        start = self._ends[number - 1] if number else 0
        file = self._files[number]
        file.seek(self._position - start)
        count = file.readinto(buffer) or 0
        self._position += count
        return count

    def close(self) -> None:
        """Close all parts."""
        for file in self._files:
            file.close()
        super().close()
