"""What is in a zip or tar file: its members, read safely from one file or from its parts.

An archive's names, kinds and sizes are claims of whoever made it. Refused: names that lead out of
the target or mean something else on another system, and everything that is neither file nor folder,
links and devices above all. Other kinds of archives are recognised, to say how to unpack them.
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

# What reading a damaged archive raises, below zipfile, pyzipper and tarfile too.
READ_ERRORS: tuple[type[Exception], ...] = (
    zipfile.BadZipFile, pyzipper.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError,
    OSError, RuntimeError,
)  # fmt: skip
_BY_HAND = "unpack it yourself, below source/videos/ of the set, and move it away"
_READ_MAGICS = (b"PK", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")
_OTHER_MAGICS = {
    b"Rar!\x1a\x07": "a RAR archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\x28\xb5\x2f\xfd": "packed with zstd",
}
# As Zip names them (X.z01), 7-Zip (X.zip.001), split(1) (X.tar.gz.aa), or people (X.zip.part1).
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
        path: below the target; safe.
        size: bytes that it says it has; 0 for a folder.
        is_folder: whether it is one.
        open: its content, to be read once, before the next member is asked for.
        same_as: of a tar's hard link, the member before it whose content it has; None for others.
    """

    path: PurePosixPath
    size: int
    is_folder: bool
    open: Callable[[], BinaryIO]
    same_as: PurePosixPath | None = None


def is_archive(path: Path) -> bool:
    """Whether the file is a zip or a tar, compressed or not; a compressed file counts as a tar.

    Its first bytes tell, for files of Google Drive and of request forms come without a suffix. The
    last piece of a split zip stands for the whole.

    Raises:
        DamagedArchiveError: it is an archive of a kind that is not read here, or a piece of one
            whose name does not stand for the whole.
    """
    with path.open("rb") as file:
        start = file.read(512)
        last_piece, _ = _last_pieces(file)
    for magic, kind in _OTHER_MAGICS.items():
        if start.startswith(magic):
            raise DamagedArchiveError(f"{path}: is {kind}, which is not read here: {_BY_HAND}")
    if _PIECE.fullmatch(path.name):
        whole = quote(str(path.with_suffix("")))
        hint = f"join all of them, `cat {whole}.* > {whole}`, and move the pieces away"
        if path.suffix.lower().startswith(".z"):
            hint = f"put {path.stem}.zip beside it, and all other pieces"
        raise DamagedArchiveError(f"{path}: is a piece of a split archive: {hint}")
    return start.startswith(_READ_MAGICS) or start[257:262] == b"ustar" or last_piece > 0


def open_joined(paths: Sequence[Path]) -> tuple[BinaryIO, list[int], int]:
    """Open files end to end, in the order given, for reading; nothing is copied.

    LIVE-YT-HFR's 4K archives come as `Flips_partsaa`, `Flips_partsab`, …

    Returns:
        The whole, where each part begins in it, and its size.
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

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position}.get(whence, self._size)
        if position < 0:
            raise OSError(f"position {position}, expected 0 or more")  # as of a file
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
    """Numbers, from 0, of a zip's last piece and of that in which its table of contents begins.

    Zeros for what is no zip in pieces (APPNOTE 6.3.10, section 4.3.16).
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - _ZIP_END.size - _LONGEST_ZIP_COMMENT))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + _ZIP_END.size:
        return 0, 0
    _, last, contents = _ZIP_END.unpack_from(tail, at)
    # zip64 says 65,535 pieces, and other bytes that look like an end say anything.
    return (last, contents) if contents <= last < _MOST_PIECES else (0, 0)


def pieces_of_zip(archive: Path) -> list[Path]:
    """All pieces X.z01, X.z02, …, X.zip of a zip, given the last; itself alone where it is whole.

    Raises:
        DamagedArchiveError: a piece is not beside it.
    """
    with archive.open("rb") as file:
        last, _ = _last_pieces(file)
    pieces = [archive.with_suffix(f".z{number:02d}") for number in range(1, last + 1)]
    if missing := [piece.name for piece in pieces if not piece.is_file()]:
        raise DamagedArchiveError(
            f"{archive}: is the last of {last + 1} pieces of a zip; put the others beside it: "
            f"{', '.join(missing)}"
        )
    return [*pieces, archive]


def read_zip(file: BinaryIO, starts: Sequence[int], password_variable: str | None) -> list[Member]:
    """List a zip file; its members can be opened while `file` is.

    ZipCrypto, the old encryption, is read by zipfile with the compiled cipher of
    fast-zip-decryption (78 MB/s against 1.3 MB/s of plain Python, measured); AES by pyzipper. Which
    of them LIVE-YT-HFR uses is not published.

    Args:
        file: seekable.
        starts: where its pieces begin in `file`; [0] for one that is whole. They are read here
            rather than joined by a program: Zip 3.0 writes damaged archives when it joins members
            that lie in several pieces (seen with `zip -s 0`).
        password_variable: environment variable that holds the password; None for a set whose
            archives are not encrypted.

    Raises:
        DamagedArchiveError: no zip file, one that is cut off, or not all pieces of one.
        UnsafeError: a member is neither file nor folder, or has an unsafe name.
    """
    last_piece, contents_piece = _last_pieces(file)
    if last_piece and len(starts) != last_piece + 1:
        raise DamagedArchiveError(f"is in {last_piece + 1} pieces, of which {len(starts)} came")
    try:
        opened: Any = zipfile.ZipFile(file)
        if any(info.compress_type == _AES for info in opened.infolist()):
            opened = pyzipper.AESZipFile(file)
    except READ_ERRORS:
        raise DamagedArchiveError(
            "cannot be read as a zip file: its list of contents, at the end, is missing or "
            "damaged: get the archive again"
        ) from None
    infos = opened.infolist()
    if last_piece:
        for info in infos:  # zipfile takes all offsets for those of one piece
            info.header_offset += starts[info.volume] - starts[contents_piece]
            if hasattr(info, "_end_offset"):
                info._end_offset = None  # of the wrong place; what unpacks counts its bytes itself
    if any(info.flag_bits & _ENCRYPTED and info.compress_type != _AES for info in infos):
        import fast_zip_decryption  # noqa: F401, PLC0415  patches zipfile: only where it is needed
    return [
        _zip_member(opened, info, password_variable)
        for info in infos
        if info.filename.strip("./\\")  # the target itself needs no mention
    ]


def _zip_member(archive: Any, info: Any, password_variable: str | None) -> Member:
    name = str(info.filename)
    if not info.flag_bits & _UTF8:
        # Without the flag it is UTF-8 all the same where macOS has written it; the standard says
        # cp437 (APPNOTE 6.3.10, appendix D).
        with suppress(UnicodeDecodeError):
            name = name.encode("cp437").decode("utf-8")
    name = name.replace("\\", "/")  # PowerShell writes backslashes between folders
    path, kind = safe_path(name), stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise UnsafeError(f"holds {str(path)!r}: a link or device, no file; {_BY_HAND}")
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
        reason = f"is packed by method {info.compress_type}, which is not read here: {_BY_HAND}"
    except (RuntimeError, zipfile.BadZipFile, pyzipper.BadZipFile):
        hint = f"; is the password in {password.name} right?" if password else ""
        reason = f"cannot be opened{hint}"
    # Out here, for the context of an error would keep the library's frames with the password.
    raise DamagedArchiveError(f"{info.filename} {reason}")


def read_tar(file: BinaryIO) -> Iterator[Member]:
    """Go through a tar file; each member has to be read, or left, before the next comes.

    A hard link to a member that came before is that member once more. Python's filter "data" is
    milder than what is refused here: it takes links, C:/a, a/../b and names with escapes.

    Args:
        file: at its beginning; seekable.

    Raises:
        DamagedArchiveError: no tar file, cut off, or with bytes behind its end.
        UnsafeError: a member is neither file nor folder, or has an unsafe name.
    """
    came: dict[PurePosixPath, int] = {}
    try:
        with tarfile.open(fileobj=file, mode="r:*") as tar:
            for info in tar:
                if not info.name.strip("./"):
                    continue  # the target itself needs no mention
                member = _tar_member(tar, info, came)
                came[member.path] = member.size
                yield member
            stream = cast("BinaryIO", tar.fileobj)  # decompressed
            # tarfile takes a damaged header, and the end of a file that was cut off, for the end.
            stream.seek(tar.offset)
            if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                raise DamagedArchiveError("is cut off or damaged inside: get the archive again")
            # To the very end, for the checksum of a compression stands there; zeros are padding.
            while block := stream.read(1 << 18):
                if any(block):
                    raise DamagedArchiveError(f"holds more behind its end: {_BY_HAND}")
    except TransferError:
        raise
    except READ_ERRORS:
        raise DamagedArchiveError(
            "cannot be read as a tar file: get the archive again, or, where it is one packed file, "
            "unpack that with gunzip, bunzip2 or unxz below source/videos/ of the set"
        ) from None


def _tar_member(
    tar: tarfile.TarFile, info: tarfile.TarInfo, came: dict[PurePosixPath, int]
) -> Member:
    path = safe_path(info.name)
    opener = cast("Callable[[], BinaryIO]", partial(tar.extractfile, info))
    if info.islnk() and (same := safe_path(info.linkname)) in came:
        return Member(path, came[same], is_folder=False, open=opener, same_as=same)
    if not info.isreg() and not info.isdir():
        raise UnsafeError(f"holds {str(path)!r}: a link or device, no file; {_BY_HAND}")
    return Member(path, info.size if info.isreg() else 0, info.isdir(), opener)
