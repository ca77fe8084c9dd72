"""Members of a tar file, plain or compressed, in one pass from its beginning to its very end.

Python's tarfile takes a file that was cut between two members for a whole one. Here the end is
looked at: a tar ends with blocks of zeros, and a compressed stream with its own checksum. Its
filter "data" is milder than `members`: it takes links, C:/a, a/../b and names with escapes.
"""

import bz2
import gzip
import io
import lzma
import tarfile
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, BinaryIO, cast

from vqathinker.acquisition.archives.members import DamagedArchiveError, Member
from vqathinker.acquisition.transfer.errors import UnsafeError
from vqathinker.acquisition.transfer.safe_path import safe_path

__all__ = ["read_tar"]

# First bytes of each compression, and what opens it.
_COMPRESSIONS: dict[bytes, Callable[..., Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}
_BLOCK = 512
_LONGEST_HEADER = 1 << 20
_EXTENDED_HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


class _BoundedTarInfo(tarfile.TarInfo):
    """Refuses long headers: they are read into memory, and none needs a megabyte."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in _EXTENDED_HEADERS and self.size > _LONGEST_HEADER:
            raise UnsafeError(f"holds a header of {self.size:,} bytes")
        return cast("tarfile.TarInfo", super()._proc_member(archive))  # type: ignore[misc]


class _TailStream(io.RawIOBase):
    """A stream that keeps the end of what was read from it."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self._tail: deque[bytes] = deque(maxlen=2)  # the last block may lie in two chunks

    def read(self, size: int = -1, /) -> bytes:
        """Bytes of the stream."""
        chunk = self._stream.read(size)
        if chunk:
            self._tail.append(chunk)
        return chunk

    def ends_with_zeros(self) -> bool:
        """Read to the end; whether its last block is empty, as that of a whole tar file."""
        while self.read(1 << 20):
            pass
        last_block = b"".join(self._tail)[-_BLOCK:]
        return len(last_block) == _BLOCK and not any(last_block)


def read_tar(file: BinaryIO) -> Iterator[Member]:
    """Go through a tar file; each member has to be read, or left, before the next comes.

    Args:
        file: at its beginning; need not be seekable behind its first bytes.

    Raises:
        DamagedArchiveError: no tar file, or cut off; on the way or behind the last member.
        UnsafeError: a member is neither file nor folder, or has an unsafe name.
    """
    start = file.read(6)
    file.seek(0)
    opener = next(
        (opener for magic, opener in _COMPRESSIONS.items() if start.startswith(magic)), None
    )
    stream = _TailStream(file if opener is None else cast("BinaryIO", opener(file, "rb")))
    try:
        with tarfile.open(
            fileobj=cast("BinaryIO", stream), mode="r|", bufsize=1 << 18, tarinfo=_BoundedTarInfo
        ) as archive:
            for info in archive:
                if info.name.strip("./"):  # the target itself needs no mention
                    yield _to_member(archive, info)
        whole = stream.ends_with_zeros()
    except (tarfile.TarError, EOFError, OSError, lzma.LZMAError) as error:
        message = f"cannot be read as a tar file ({error}): get the archive again"
        raise DamagedArchiveError(message) from None
    if not whole:
        raise DamagedArchiveError("is cut off, its end is missing: get the archive again")


def _to_member(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    path = safe_path(info.name)
    if not info.isreg() and not info.isdir():
        raise UnsafeError(f"holds {str(path)!r}: a link or device, no file")
    opener = cast("Callable[[], BinaryIO]", partial(archive.extractfile, info))
    return Member(path, info.size if info.isreg() else 0, info.isdir(), opener)
