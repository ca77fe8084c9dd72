"""What a gzip file holds, whatever stands behind its end (RFC 1952).

Python's gzip takes bytes behind the last member for a damaged one, and raises in the middle of a
read, so that what came before is lost. gzip(1) ignores them, as does this; the checksums of all
members are compared.
"""

import io
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["GzipStream"]

_MAGIC = b"\x1f\x8b"
_WITH_HEADER = 16 + zlib.MAX_WBITS
_CHUNK = 1 << 18


class GzipStream(io.RawIOBase):
    """The members of a gzip file, decompressed, end to end; for reading only.

    Args:
        file: at its beginning.
        on_rest: called when bytes that are no gzip stand behind the last member.
    """

    def __init__(self, file: BinaryIO, on_rest: Callable[[], None]) -> None:
        super().__init__()
        self._file, self._on_rest = file, on_rest
        self._member = zlib.decompressobj(_WITH_HEADER)
        self._packed = b""
        self._ended = False

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: "Buffer", /) -> int:
        """Fill a buffer; 0 at the end.

        Raises:
            EOFError: the file ends before its last member does.
            zlib.error: it is damaged.
        """
        view = memoryview(buffer).cast("B")
        while not self._ended:
            if self._member.eof:
                self._begin_member()
                continue
            packed = self._packed or self._file.read(_CHUNK)
            unpacked = self._member.decompress(packed, len(view))
            self._packed = self._member.unconsumed_tail
            view[: len(unpacked)] = unpacked
            if unpacked:
                return len(unpacked)
            if not packed and not self._member.eof:
                raise EOFError("cut off")
        return 0

    def _begin_member(self) -> None:
        """Go on with the member behind the one that has ended, if there is one."""
        rest = self._member.unused_data.lstrip(b"\0")  # padding, as of tapes
        while len(rest) < len(_MAGIC) and (chunk := self._file.read(_CHUNK)):
            rest = (rest + chunk).lstrip(b"\0")
        if rest.startswith(_MAGIC):
            self._member, self._packed = zlib.decompressobj(_WITH_HEADER), rest
        else:
            self._ended = True
            if rest:
                self._on_rest()
