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
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import pyzipper

from vqathinker.acquisition.errors import DamagedArchiveError, TransferError, UnsafeError
from vqathinker.acquisition.safe_path import safe_path
from vqathinker.acquisition.secret import read_secret

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
    """

    path: PurePosixPath
    size: int
    is_folder: bool
    open: Callable[[], BinaryIO]


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
        raise DamagedArchiveError(
            f"{path}: is a piece of a split archive: put X.zip next to X.z01, X.z02, …; join other "
            "pieces in their order with `cat`, then move them away"
        )
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
        self._position = offset + (0, self._position, self._size)[whence]
        return self._position

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
    members = []
    for info in infos:
        name = _name_in_zip(info)
        if not name.strip("./"):
            continue  # the target itself
        path, kind = safe_path(name), stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise UnsafeError(f"contains {str(path)!r}, a link or device: {_BY_HAND}")
        opener = partial(_open_in_zip, opened, info, password_variable)
        members.append(Member(path, info.file_size, name.endswith("/"), opener))
    return members


def _name_in_zip(info: Any) -> str:
    name = str(info.filename)
    if not info.flag_bits & _UTF8:
        # macOS writes UTF-8 without this flag; otherwise it is cp437 (APPNOTE 6.3.10, appendix D).
        with suppress(UnicodeDecodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")  # PowerShell separates folders by backslashes


def _open_in_zip(archive: Any, info: Any, password_variable: str | None) -> BinaryIO:
    password = None
    if info.flag_bits & _ENCRYPTED:
        password = read_secret(password_variable)
        if password is None:
            variable = f"${password_variable}" if password_variable else "the variable of its card"
            raise DamagedArchiveError(
                f"is encrypted: put the password that its owners mail you into {variable}"
            )
    try:
        pwd = None if password is None else password.get_secret_value().encode()
        return cast("BinaryIO", archive.open(info, pwd=pwd))
    except NotImplementedError:
        reason = f"has compression method {info.compress_type}, not supported here: {_BY_HAND}"
    except (RuntimeError, zipfile.BadZipFile, pyzipper.BadZipFile):
        hint = f"; is the password in ${password_variable} right?" if password else ""
        reason = f"cannot be opened{hint}"
    raise DamagedArchiveError(f"{info.filename} {reason}")


def read_tar(file: BinaryIO) -> Iterator[Member]:
    """Iterate over the members of a tar file, compressed or not.

    Python's filter "data" is not strict enough: it accepts links, C:/a, a/../b and names with
    escape sequences.

    Args:
        file: must be seekable and at its beginning.

    Raises:
        DamagedArchiveError: not a tar file, a truncated one, or one with trailing bytes.
        UnsafeError: a member is neither file nor folder, or has an unsafe name.
    """
    try:
        with tarfile.open(fileobj=file, mode="r:*") as tar:
            for info in tar:
                if not info.name.strip("./"):
                    continue  # the target itself
                path = safe_path(info.name)
                if not info.isreg() and not info.isdir():
                    raise UnsafeError(f"contains {str(path)!r}, a link or device: {_BY_HAND}")
                opener = cast("Callable[[], BinaryIO]", partial(tar.extractfile, info))
                yield Member(path, info.size if info.isreg() else 0, info.isdir(), opener)
            stream = cast("BinaryIO", tar.fileobj)  # decompressed
            # tarfile takes a damaged header or a truncated file for the end, which is zeros. Read
            # to the very end, where compression formats have a checksum.
            stream.seek(tar.offset)
            blocks = [any(block) for block in iter(partial(stream.read, 1 << 18), b"")]
            if not blocks or any(blocks):
                raise DamagedArchiveError(
                    f"is truncated, damaged, or has bytes after its end: download it again, or "
                    f"{_BY_HAND}"
                )
    except TransferError:
        raise
    except READ_ERRORS:
        raise DamagedArchiveError(
            "cannot be read as a tar file: download the archive again, or, if it is a single "
            "compressed file, unpack it with gunzip, bunzip2 or unxz below source/videos/ of the "
            "set"
        ) from None
