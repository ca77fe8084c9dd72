"""Members of a tar file, plain or compressed, in one pass from its beginning to its very end.

Python's tarfile takes a file that was cut between two members for a whole one. Here the end is
looked at: a tar ends with blocks of zeros, and a compressed stream with its own checksum. Its
filter "data" is milder than `members`: it takes links, C:/a, a/../b and names with escapes.
"""

import bz2
import io
import logging
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from shlex import quote
from typing import Any, BinaryIO, Self, cast

from vqathinker.acquisition.archives.gzip_stream import GzipStream
from vqathinker.acquisition.archives.members import NO_FILE, DamagedArchiveError, Member
from vqathinker.acquisition.transfer.errors import UnsafeError
from vqathinker.acquisition.transfer.safe_path import safe_path

__all__ = ["read_tar"]

_log = logging.getLogger(__name__)

_READ_ERRORS = (tarfile.TarError, EOFError, OSError, lzma.LZMAError, zlib.error)
_BLOCK = 512
_BUFFER = 1 << 18
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

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        """The next member of the archive, which is told when it has come to its end."""
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # typeshed does not know it
            cast("_EndedTarFile", archive).ended = True
            raise


class _EndedTarFile(tarfile.TarFile):
    """Knows whether it came to the blocks of zeros with which a tar ends.

    Without them tarfile takes a damaged header, or the end of a file that was cut off, for the end.
    """

    ended = False


class _RecentStream(io.RawIOBase):
    """A stream that still has what was read from it last, for tarfile reads ahead."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self._recent = b""
        self._position = 0

    def read(self, size: int = -1, /) -> bytes:
        """Bytes of the stream."""
        self._recent = self._stream.read(size)
        self._position += len(self._recent)
        return self._recent

    def blocks_from(self, position: int) -> Iterator[bytes]:
        """What comes behind a position, in blocks of a tar, to the very end of the stream."""
        rest = self._recent[max(0, len(self._recent) - (self._position - position)) :]
        while rest:
            for start in range(0, len(rest), _BLOCK):
                yield rest[start : start + _BLOCK]
            rest = self.read(_BUFFER)


def read_tar(file: BinaryIO, archive: Path) -> Iterator[Member]:
    """Go through a tar file; each member has to be read, or left, before the next comes.

    A hard link to a member that came before is that member once more.

    Args:
        file: at its beginning; need not be seekable behind its first bytes.
        archive: what it is called, for messages.

    Raises:
        DamagedArchiveError: no tar file, or cut off; on the way or behind the last member. Or
            several in one, of which tarfile reads the first.
        UnsafeError: a member is neither file nor folder, or has an unsafe name or one that is not
            UTF-8.
    """

    def warn_of_rest() -> None:
        _log.warning("%s: bytes behind the end of the archive are left out", archive)

    stream = _RecentStream(_decompressed(file, warn_of_rest))
    came: dict[PurePosixPath, int] = {}
    try:
        with _EndedTarFile.open(
            fileobj=cast("BinaryIO", stream), mode="r|", bufsize=_BUFFER, tarinfo=_BoundedTarInfo
        ) as tar:
            for info in tar:
                _require_utf8(info.name, archive)
                if info.name.strip("./"):  # the target itself needs no mention
                    member = _to_member(tar, info, came)
                    came[member.path] = member.size
                    yield member
            if not tar.ended:
                raise DamagedArchiveError(
                    "is cut off, its end is missing, or damaged inside: get the archive again"
                )
            _read_behind_end(stream.blocks_from(cast("Any", tar.fileobj).tell()), warn_of_rest)
    except _READ_ERRORS:
        raise DamagedArchiveError(
            "cannot be read as a tar file: it is cut off, was changed on the way, or is none: get "
            "the archive again, or, where it is one packed file, unpack that with gunzip, bunzip2 "
            "or unxz below source/videos/ of the set"
        ) from None


def _require_utf8(name: str, archive: Path) -> None:
    """Other names cannot be read: tar does not say in which encoding they are."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise UnsafeError(
            f"holds {name[:200]!r}: bytes that are no UTF-8. Unpack it below source/videos/ "
            "of the set, in the encoding of whoever packed it, gb18030 in China: bsdtar -xf "
            f"{quote(str(archive))} --options hdrcharset=gb18030"
        ) from None


def _decompressed(file: BinaryIO, on_rest: Callable[[], None]) -> BinaryIO:
    start = file.read(6)
    file.seek(0)
    if start.startswith(b"\x1f\x8b"):
        return cast("BinaryIO", io.BufferedReader(GzipStream(file, on_rest), _BUFFER))
    if start.startswith(b"BZh"):
        return cast("BinaryIO", bz2.open(file, "rb"))
    if start.startswith(b"\xfd7zXZ\x00"):
        return cast("BinaryIO", lzma.open(file, "rb"))
    return file


def _read_behind_end(blocks: Iterator[bytes], on_rest: Callable[[], None]) -> None:
    """Read to the end, for the checksum of a compression stands there; zeros are padding."""
    first = next((block for block in blocks if any(block)), None)
    if first is None:
        return
    if first[257:262] == b"ustar":
        raise DamagedArchiveError(
            "holds several tar files, one behind the other: unpack it with "
            "`tar --ignore-zeros -xf`, below source/videos/ of the set, and move it away"
        )
    on_rest()
    for _ in blocks:
        pass


def _to_member(
    tar: tarfile.TarFile, info: tarfile.TarInfo, came: Mapping[PurePosixPath, int]
) -> Member:
    path = safe_path(info.name)
    if info.islnk() and (same := safe_path(info.linkname)) in came:
        return Member(path, came[same], is_folder=False, open=_no_content, same_as=same)
    if not info.isreg() and not info.isdir():
        raise UnsafeError(f"holds {str(path)!r}: {NO_FILE}")
    opener = cast("Callable[[], BinaryIO]", partial(tar.extractfile, info))
    return Member(path, info.size if info.isreg() else 0, info.isdir(), opener)


def _no_content() -> BinaryIO:
    raise EOFError("a hard link has no content of its own")
