"""Members of zip and tar archives, which may be split into parts.

Refused are unsafe names and everything that is neither file nor folder, such as links and devices.
Other formats are recognised to tell the user how to unpack them.
"""

import bisect
import io
import lzma
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path, PurePosixPath
from shlex import quote
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import pyzipper

from vqathinker.acquisition.errors import DamagedArchiveError, TransferError, UnsafeError
from vqathinker.acquisition.safe_path import safe_path
from vqathinker.acquisition.secret import Secret

if TYPE_CHECKING:
    from typing_extensions import Buffer

# Errors of zipfile, pyzipper and tarfile, and of the modules below them, for corrupt archives.
READ_ERRORS: tuple[type[Exception], ...] = (
    zipfile.BadZipFile, pyzipper.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError,
    OSError, RuntimeError,
)  # fmt: skip
_BY_HAND = "unpack it yourself below source/videos/ of the set, then move it away"
_READ_MAGICS = (b"PK", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")
_OTHER_MAGICS = {
    b"Rar!\x1a\x07": "a RAR archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\x28\xb5\x2f\xfd": "packed with zstd",
}
# Named by Zip (X.z01), 7-Zip (X.zip.001), split(1) (X.tar.gz.aa), or people (X.zip.part1).
_PIECE = re.compile(
    r".+\.(z\d\d+|(zip|7z|rar|tar|tgz|t?[gbx]z2?)\.(part[-_]?)?(\d{1,4}|a[a-z]))",
    re.IGNORECASE,
)
_ZIP_END = struct.Struct("<4s2H14x")
_LONGEST_ZIP_COMMENT, _MOST_PIECES = 0xFFFF, 1000
_ENCRYPTED, _UTF8, _AES = 0x1, 0x800, 99


@dataclass(frozen=True)
class Member:
    """A file or folder of an archive.

    Args:
        path: safe relative path.
        size: in bytes, as stated by the archive; 0 for a folder.
        open: opens the content of a file; call it before advancing to the next member.
        same_as: an earlier member, if this is a hard link to it.
    """

    path: PurePosixPath
    size: int
    is_folder: bool
    open: Callable[[], BinaryIO]
    same_as: PurePosixPath | None = None


def is_archive(path: Path) -> bool:
    """Whether a file is a zip, the last piece of a split zip, or a tar.

    Its first bytes decide, because downloads from Google Drive and request forms have no suffix.
    All files compressed by gzip, bzip2 or xz count as tar.

    Raises:
        DamagedArchiveError: the format is not supported, or the file is another piece of an
            archive.
    """
    with path.open("rb") as file:
        start = file.read(512)
        last_piece, _ = _last_pieces(file)
    for magic, kind in _OTHER_MAGICS.items():
        if start.startswith(magic):
            raise DamagedArchiveError(f"{path}: is {kind}, which is not supported: {_BY_HAND}")
    if _PIECE.fullmatch(path.name):
        whole = quote(str(path.with_suffix("")))
        hint = f"join the pieces, `cat {whole}.* > {whole}`, then move them away"
        if path.suffix.lower().startswith(".z"):
            hint = f"add {path.stem}.zip and all other pieces to its folder"
        raise DamagedArchiveError(f"{path}: is a piece of a split archive: {hint}")
    return start.startswith(_READ_MAGICS) or start[257:262] == b"ustar" or last_piece > 0


def open_joined(paths: Sequence[Path]) -> tuple[BinaryIO, list[int], int]:
    """Open the concatenation of files, such as `Flips_partsaa`, `Flips_partsab`, without copying.

    Returns:
        The concatenation, the offset of each file in it, and its size.
    """
    *starts, size = accumulate((path.stat().st_size for path in paths), initial=0)
    joined = _JoinedFiles([io.FileIO(path) for path in paths], starts, size)
    return cast("BinaryIO", io.BufferedReader(joined, 1 << 20)), starts, size


class _JoinedFiles(io.RawIOBase):
    def __init__(self, files: Sequence[io.FileIO], starts: Sequence[int], size: int) -> None:
        super().__init__()
        self._files, self._starts, self._size = files, starts, size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position}.get(whence, self._size)
        if position < 0:
            raise OSError(f"position {position}, expected 0 or more")
        self._position = position
        return position

    def readinto(self, buffer: "Buffer", /) -> int:
        number = bisect.bisect_right(self._starts, self._position) - 1
        self._files[number].seek(self._position - self._starts[number])
        count = self._files[number].readinto(buffer) or 0
        self._position += count
        return count

    def close(self) -> None:
        for file in self._files:
            file.close()
        super().close()


def _last_pieces(file: BinaryIO) -> tuple[int, int]:
    """Indices of a zip's last piece and of the piece in which its central directory begins.

    Both are 0 if the file is not the end of a split zip (APPNOTE 6.3.10, section 4.3.16).
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - _ZIP_END.size - _LONGEST_ZIP_COMMENT))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + _ZIP_END.size:
        return 0, 0
    _, last, contents = _ZIP_END.unpack_from(tail, at)
    # The count is 65,535 in zip64, and arbitrary if these bytes are no end record.
    return (last, contents) if contents <= last < _MOST_PIECES else (0, 0)


def pieces_of_zip(archive: Path) -> list[Path]:
    """All pieces X.z01, X.z02, …, X.zip of a split zip, given the last; else the file itself.

    Raises:
        DamagedArchiveError: a piece is missing.
    """
    with archive.open("rb") as file:
        last, _ = _last_pieces(file)
    pieces = [archive.with_suffix(f".z{number:02d}") for number in range(1, last + 1)]
    if missing := [piece.name for piece in pieces if not piece.is_file()]:
        raise DamagedArchiveError(
            f"{archive}: is the last of {last + 1} pieces of a zip; add the others to its folder: "
            f"{', '.join(missing)}"
        )
    return [*pieces, archive]


def read_zip(file: BinaryIO, starts: Sequence[int], password_variable: str | None) -> list[Member]:
    """List the members of a zip file.

    zipfile reads ZipCrypto, the old encryption, with the compiled cipher of fast-zip-decryption
    (measured: 78 MB/s instead of 1.3 MB/s); pyzipper reads AES. LIVE-YT-HFR does not say which of
    them it uses.

    Args:
        file: must be seekable, and stay open while members are read.
        starts: offsets of the pieces in `file`; [0] for a zip that is not split. Users need not
            join them: Zip 3.0 corrupts members that span several pieces (`zip -s 0`).
        password_variable: environment variable with the password, or None.

    Raises:
        DamagedArchiveError: not a zip file, or a truncated or incomplete one.
        UnsafeError: a member is neither file nor folder, or has an unsafe name.
    """
    last_piece, contents_piece = _last_pieces(file)
    if last_piece and len(starts) != last_piece + 1:
        raise DamagedArchiveError(f"has {last_piece + 1} pieces, but {len(starts)} were given")
    try:
        opened: Any = zipfile.ZipFile(file)
        if any(info.compress_type == _AES for info in opened.infolist()):
            opened = pyzipper.AESZipFile(file)
    except READ_ERRORS:
        raise DamagedArchiveError(
            "cannot be read as a zip file, because the table of contents at its end is missing or "
            "damaged: download the archive again"
        ) from None
    infos = opened.infolist()
    if last_piece:
        for info in infos:  # zipfile assumes that all offsets are in one piece
            info.header_offset += starts[info.volume] - starts[contents_piece]
            if hasattr(info, "_end_offset"):
                info._end_offset = None  # from the wrong offset; `unpack` counts the bytes
    if any(info.flag_bits & _ENCRYPTED and info.compress_type != _AES for info in infos):
        import fast_zip_decryption  # noqa: F401, PLC0415  patches zipfile
    return [
        _zip_member(opened, info, password_variable)
        for info in infos
        if info.filename.strip("./\\")  # not the target itself
    ]


def _zip_member(archive: Any, info: Any, password_variable: str | None) -> Member:
    name = str(info.filename)
    if not info.flag_bits & _UTF8:
        # macOS writes UTF-8 without this flag; otherwise it is cp437 (APPNOTE 6.3.10, appendix D).
        with suppress(UnicodeDecodeError):
            name = name.encode("cp437").decode("utf-8")
    name = name.replace("\\", "/")  # PowerShell separates folders by backslashes
    path, kind = safe_path(name), stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise UnsafeError(f"contains {str(path)!r}, a link or device: {_BY_HAND}")
    opener = partial(_open_in_zip, archive, info, password_variable)
    return Member(path, info.file_size, is_folder=name.endswith("/"), open=opener)


def _open_in_zip(archive: Any, info: Any, password_variable: str | None) -> BinaryIO:
    password = None
    if info.flag_bits & _ENCRYPTED:
        password = Secret.from_environment(password_variable)
        if password is None:
            variable = f"${password_variable}" if password_variable else "the variable of its card"
            raise DamagedArchiveError(
                f"is encrypted: put the password that its owners mail you into {variable}"
            )
    try:
        revealed = password and password.reveal().encode()
        return cast("BinaryIO", archive.open(info, pwd=revealed))
    except NotImplementedError:
        reason = f"has compression method {info.compress_type}, not supported here: {_BY_HAND}"
    except (RuntimeError, zipfile.BadZipFile, pyzipper.BadZipFile):
        hint = f"; is the password in {password.name} right?" if password else ""
        reason = f"cannot be opened{hint}"
    # Raised here without a context, which would keep frames with the password.
    raise DamagedArchiveError(f"{info.filename} {reason}")


def read_tar(file: BinaryIO) -> Iterator[Member]:
    """Iterate over the members of a tar file, compressed or not.

    A hard link to an earlier member counts as a copy. Python's filter "data" is not strict enough:
    it accepts links, C:/a, a/../b and names with escape sequences.

    Args:
        file: must be seekable and at its beginning.

    Raises:
        DamagedArchiveError: not a tar file, a truncated one, or one with trailing bytes.
        UnsafeError: a member is neither file nor folder, or has an unsafe name.
    """
    came: dict[PurePosixPath, int] = {}
    try:
        with tarfile.open(fileobj=file, mode="r:*") as tar:
            for info in tar:
                if not info.name.strip("./"):
                    continue  # the target itself
                member = _tar_member(tar, info, came)
                came[member.path] = member.size
                yield member
            stream = cast("BinaryIO", tar.fileobj)  # decompressed
            # tarfile takes a damaged header or a truncated file for the end.
            stream.seek(tar.offset)
            if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                raise DamagedArchiveError("is truncated or damaged: download the archive again")
            # Read to the very end, where compression formats have a checksum; zeros are padding.
            while block := stream.read(1 << 18):
                if any(block):
                    raise DamagedArchiveError(f"contains bytes after its end: {_BY_HAND}")
    except TransferError:
        raise
    except READ_ERRORS:
        raise DamagedArchiveError(
            "cannot be read as a tar file: download the archive again, or, if it is a single "
            "compressed file, unpack it with gunzip, bunzip2 or unxz below source/videos/ of the "
            "set"
        ) from None


def _tar_member(
    tar: tarfile.TarFile, info: tarfile.TarInfo, came: dict[PurePosixPath, int]
) -> Member:
    path = safe_path(info.name)
    opener = cast("Callable[[], BinaryIO]", partial(tar.extractfile, info))
    if info.islnk() and (same := safe_path(info.linkname)) in came:
        return Member(path, came[same], is_folder=False, open=opener, same_as=same)
    if not info.isreg() and not info.isdir():
        raise UnsafeError(f"contains {str(path)!r}, a link or device: {_BY_HAND}")
    return Member(path, info.size if info.isreg() else 0, info.isdir(), opener)
