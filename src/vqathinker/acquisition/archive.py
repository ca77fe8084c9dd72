"""Read the members of zip and tar archives, including split ones.

Unsafe names are refused, and so are links and devices. For other formats, the error explains how to
unpack the file.
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

# Raised by zipfile, pyzipper, tarfile and the modules they use when an archive is corrupt.
READ_ERRORS: tuple[type[Exception], ...] = (
    zipfile.BadZipFile, pyzipper.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError,
    OSError, RuntimeError,
)  # fmt: skip
_UNSUPPORTED = (
    "not supported; unpack it yourself into source/videos/ of the set, then remove the archive"
)
_SUPPORTED_MAGICS = (b"PK", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")
_UNSUPPORTED_MAGICS = {
    b"Rar!\x1a\x07": "a RAR archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\x28\xb5\x2f\xfd": "packed with zstd",
}
# Volumes of Zip (X.z01), 7-Zip (X.zip.001), split(1) (X.tar.gz.aa), or named by hand (X.zip.part1).
_VOLUME_NAME = re.compile(
    r".+\.(z\d\d+|(zip|7z|rar|tar|tgz|t?[gbx]z2?)\.(part[-_]?)?(\d{1,4}|a[a-z]))",
    re.IGNORECASE,
)
_ZIP_END = struct.Struct("<4s2H14x")
_MAX_ZIP_COMMENT, _MAX_VOLUMES = 0xFFFF, 1000
_ENCRYPTED, _UTF8, _AES = 0x1, 0x800, 99


@dataclass(frozen=True)
class Member:
    """A file or folder of an archive.

    Args:
        path: safe relative path.
        size: in bytes, as the archive states it; 0 for a folder.
        open: opens the content of a file. Call it before you advance to the next member.
    """

    path: PurePosixPath
    size: int
    is_folder: bool
    open: Callable[[], BinaryIO]


def is_archive(path: Path) -> bool:
    """Whether a file is a zip, the last volume of a split zip, or a tar.

    The first bytes decide, because downloads from Google Drive and request forms have no suffix.
    Every file that gzip, bzip2 or xz compressed counts as a tar.

    Raises:
        DamagedArchiveError: the format is not supported, or the file is not the last volume of a
            split archive.
    """
    with path.open("rb") as file:
        start = file.read(512)
        last_volume, _ = _last_volumes(file)
    for magic, kind in _UNSUPPORTED_MAGICS.items():
        if start.startswith(magic):
            raise DamagedArchiveError(f"{path}: is {kind}: {_UNSUPPORTED}")
    if _VOLUME_NAME.fullmatch(path.name):
        raise DamagedArchiveError(
            f"{path}: is a volume of a split archive. Put X.zip next to X.z01, X.z02, …; "
            "concatenate other volumes in order with `cat`, then remove them"
        )
    return start.startswith(_SUPPORTED_MAGICS) or start[257:262] == b"ustar" or last_volume > 0


def open_concatenated(paths: Sequence[Path]) -> tuple[BinaryIO, list[int]]:
    """Open several files, such as `Flips_partsaa` and `Flips_partsab`, as one, without copying.

    Returns the concatenated file and the offset of each part in it.
    """
    *starts, size = accumulate((path.stat().st_size for path in paths), initial=0)
    joined = _ConcatenatedFiles([io.FileIO(path) for path in paths], starts, size)
    return cast("BinaryIO", io.BufferedReader(joined, 1 << 20)), starts


class _ConcatenatedFiles(io.RawIOBase):
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


def _last_volumes(file: BinaryIO) -> tuple[int, int]:
    """Indices of a zip's last volume and of the volume where its central directory starts.

    Both are 0 if the file does not end a split zip (APPNOTE 6.3.10, section 4.3.16).
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - _ZIP_END.size - _MAX_ZIP_COMMENT))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + _ZIP_END.size:
        return 0, 0
    _, last, contents = _ZIP_END.unpack_from(tail, at)
    # The count is 65,535 in zip64, and arbitrary if these bytes are not an end record.
    return (last, contents) if contents <= last < _MAX_VOLUMES else (0, 0)


def zip_volumes(archive: Path) -> list[Path]:
    """All volumes X.z01, X.z02, …, X.zip of a split zip, given the last; otherwise the file itself.

    Raises:
        DamagedArchiveError: a volume is missing.
    """
    with archive.open("rb") as file:
        last, _ = _last_volumes(file)
    volumes = [archive.with_suffix(f".z{number:02d}") for number in range(1, last + 1)]
    if missing := [volume.name for volume in volumes if not volume.is_file()]:
        raise DamagedArchiveError(
            f"{archive}: is the last of {last + 1} volumes of a zip; put the others into its "
            f"folder: {', '.join(missing)}"
        )
    return [*volumes, archive]


def read_zip(file: BinaryIO, starts: Sequence[int], password_variable: str | None) -> list[Member]:
    """List the members of a zip file.

    Args:
        file: seekable; keep it open while you read members.
        starts: offsets of the volumes in `file`; [0] for a zip that is not split.
        password_variable: environment variable with the password, or None.

    Raises:
        DamagedArchiveError: not a zip file, or truncated or incomplete.
        UnsafeError: a member is neither file nor folder, or has an unsafe name.
    """
    last_volume, directory_volume = _last_volumes(file)
    try:
        opened: Any = zipfile.ZipFile(file)
        if any(info.compress_type == _AES for info in opened.infolist()):
            opened = pyzipper.AESZipFile(file)
    except READ_ERRORS:
        raise DamagedArchiveError(
            "cannot be read as a zip file: the table of contents at its end is missing or damaged. "
            "Download the archive again"
        ) from None
    infos = opened.infolist()
    if last_volume:
        # zipfile assumes that all offsets refer to one file. Joining the volumes with `zip -s 0`
        # is no alternative: Zip 3.0 corrupts members that span several volumes.
        for info in infos:
            info.header_offset += starts[info.volume] - starts[directory_volume]
            if hasattr(info, "_end_offset"):
                info._end_offset = None  # wrong, too; `unpack` counts the bytes instead
    # ZipCrypto, the old encryption: the compiled cipher reads 78 MB/s, zipfile's own 1.3 MB/s
    # (measured). pyzipper reads AES. LIVE-YT-HFR does not say which of the two it uses.
    if any(info.flag_bits & _ENCRYPTED and info.compress_type != _AES for info in infos):
        import fast_zip_decryption  # noqa: F401, PLC0415  patches zipfile
    members = []
    for info in infos:
        name = _name_in_zip(info)
        if not name.strip("./"):
            continue  # the target folder itself
        path, kind = safe_path(name), stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise UnsafeError(f"contains {str(path)!r}, a link or device: {_UNSUPPORTED}")
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
                f"is encrypted: set {variable} to the password that its owners mail you"
            )
    try:
        pwd = None if password is None else password.get_secret_value().encode()
        return cast("BinaryIO", archive.open(info, pwd=pwd))
    except NotImplementedError:
        reason = f"uses compression method {info.compress_type}: {_UNSUPPORTED}"
    except (RuntimeError, zipfile.BadZipFile, pyzipper.BadZipFile):
        hint = f"; is the password in ${password_variable} right?" if password else ""
        reason = f"cannot be opened{hint}"
    raise DamagedArchiveError(f"{info.filename} {reason}")


def read_tar(file: BinaryIO) -> Iterator[Member]:
    """Iterate over the members of a tar file, compressed or not.

    Args:
        file: seekable, at its start.

    Raises:
        DamagedArchiveError: not a tar file, or truncated, or with trailing bytes.
        UnsafeError: a member is neither file nor folder, or has an unsafe name.
    """
    try:
        with tarfile.open(fileobj=file, mode="r:*") as tar:
            for info in tar:
                if not info.name.strip("./"):
                    continue  # the target folder itself
                # tarfile's filter "data" accepts links, C:/a, a/../b and escape sequences.
                path = safe_path(info.name)
                if not info.isreg() and not info.isdir():
                    raise UnsafeError(f"contains {str(path)!r}, a link or device: {_UNSUPPORTED}")
                opener = cast("Callable[[], BinaryIO]", partial(tar.extractfile, info))
                yield Member(path, info.size if info.isreg() else 0, info.isdir(), opener)
            stream = cast("BinaryIO", tar.fileobj)  # decompressed
            # tarfile mistakes a damaged header or a truncated file for the end of the archive. The
            # real end is zeros. Read all of it, because compressed formats end in a checksum.
            stream.seek(tar.offset)
            blocks = [any(block) for block in iter(partial(stream.read, 1 << 18), b"")]
            if not blocks or any(blocks):
                raise DamagedArchiveError(
                    "is truncated, damaged, or has bytes after its end. Download it again; if that "
                    "does not help, unpack it yourself into source/videos/ of the set"
                )
    except TransferError:
        raise
    except READ_ERRORS:
        raise DamagedArchiveError(
            "cannot be read as a tar file. Download the archive again; if it is a single "
            "compressed file, unpack it with gunzip, bunzip2 or unxz into source/videos/ of the set"
        ) from None
