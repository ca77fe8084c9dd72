"""Members of a zip file, encrypted or not.

ZipCrypto, the old encryption, is read by zipfile with the compiled cipher of fast-zip-decryption,
which patches zipfile when it is imported (78 MB/s against 1.3 MB/s of plain Python, measured); AES
by pyzipper. Which of them LIVE-YT-HFR uses is not published.

Names without the flag of UTF-8 are UTF-8 all the same where macOS has written them; the standard
says cp437 (APPNOTE 6.3.10, appendix D). PowerShell writes backslashes between folders.
"""

import logging
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Any, BinaryIO, cast

import pyzipper

from vqathinker.acquisition.archives.members import NO_FILE, DamagedArchiveError, Member
from vqathinker.acquisition.archives.split import move_offsets, read_end_record
from vqathinker.acquisition.transfer.errors import TransferError, UnsafeError
from vqathinker.acquisition.transfer.redaction import redacted_call
from vqathinker.acquisition.transfer.safe_path import safe_path
from vqathinker.acquisition.transfer.secret import Secret

__all__ = ["BAD_ZIP_ERRORS", "read_zip"]

BAD_ZIP_ERRORS: tuple[type[Exception], ...] = (zipfile.BadZipFile, pyzipper.BadZipFile)
_UNREADABLE_ERRORS: tuple[type[Exception], ...] = (*BAD_ZIP_ERRORS, EOFError, NotImplementedError)

_log = logging.getLogger(__name__)

_ENCRYPTED = 0x1
_UTF8 = 0x800
_AES = 99
_UNIX = 3
_UNICODE_PATH = 0x7075


def read_zip(
    file: BinaryIO, archive: Path, starts: Sequence[int], password_variable: str | None
) -> list[Member]:
    """List a zip file; its members can be opened while `file` is.

    Args:
        file: seekable.
        archive: what it is called, for messages.
        starts: where its pieces begin in `file`; [0] for one that is whole.
        password_variable: environment variable that holds the password; None for a set whose
            archives are not encrypted.

    Raises:
        DamagedArchiveError: no zip file, one that is cut off, or not all pieces of one.
        UnsafeError: a member is neither file nor folder, or has an unsafe name.
    """
    record = read_end_record(file)
    if record and record.piece and len(starts) != record.piece + 1:
        raise DamagedArchiveError(f"is in {record.piece + 1} pieces, of which {len(starts)} came")
    try:
        opened: Any = zipfile.ZipFile(file)
        if any(info.compress_type == _AES for info in opened.infolist()):
            opened = pyzipper.AESZipFile(file)
    except _UNREADABLE_ERRORS:
        fixed = quote(f"{archive.stem}-mended.zip")
        raise DamagedArchiveError(
            "cannot be read as a zip file: its list of contents, at the end, is missing or "
            "damaged: get the archive again, or, if something stands behind its end, mend it, "
            f"`zip -FF {quote(str(archive))} --out {fixed}`"
        ) from None
    infos = opened.infolist()
    if record and record.piece:
        move_offsets(infos, record, starts)
    if any(info.flag_bits & _ENCRYPTED and info.compress_type != _AES for info in infos):
        import fast_zip_decryption  # noqa: F401, PLC0415  patches zipfile: only where it is needed
    return [
        _to_member(opened, info, name, password_variable)
        for info, name in _named(infos, archive)
        if name.strip("./")  # the target itself needs no mention
    ]


def _named(infos: Sequence[Any], archive: Path) -> Iterator[tuple[Any, str]]:
    """Every member with its name, folders between slashes; says which names are guessed."""
    names = [_decoded_name(info) for info in infos]
    if guessed := [name for name, certain in names if not certain]:
        _log.warning(
            "%s: %d names are not UTF-8 and are read as cp437, as the standard says, such as %r. "
            "If that is wrong, unpack it yourself below source/videos/ of the set, in the encoding "
            "of whoever packed it, gb18030 in China, shift_jis in Japan: python -m zipfile "
            "--metadata-encoding gb18030 -e %s FOLDER",
            archive, len(guessed), guessed[0], quote(str(archive)),
        )  # fmt: skip
    only_backslashes = not any("/" in name for name, _ in names)
    for info, (name, _) in zip(infos, names, strict=True):
        # On Unix a backslash may be part of a name; there it is one where slashes stand, too.
        folders = only_backslashes or info.create_system != _UNIX
        yield info, name.replace("\\", "/") if folders else name


def _decoded_name(info: Any) -> tuple[str, bool]:
    """The name of a member, and whether it is sure to be read right."""
    # zipfile cuts a name at a NUL, other programs do not.
    name = str(info.orig_filename)
    if info.flag_bits & _UTF8 or name.isascii():
        return name, True
    written = name.encode("cp437")
    try:
        return written.decode("utf-8"), True
    except UnicodeDecodeError:
        unicode_name = _unicode_path(info.extra, written)
        return unicode_name or name, unicode_name is not None


def _unicode_path(extra: bytes, written: bytes) -> str | None:
    """The name in UTF-8 that Info-ZIP writes beside another one, where it is of that name."""
    while len(extra) >= 4:
        tag, size = struct.unpack_from("<HH", extra)
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        if tag == _UNICODE_PATH and field[:5] == struct.pack("<BL", 1, zlib.crc32(written)):
            return field[5:].decode("utf-8", "replace")
    return None


def _to_member(archive: Any, info: Any, name: str, password_variable: str | None) -> Member:
    path = safe_path(name)
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise UnsafeError(f"holds {str(path)!r}: {NO_FILE}")
    opener = partial(_open, archive, info, password_variable)
    return Member(path, info.file_size, is_folder=name.endswith("/"), open=opener)


def _open(archive: Any, info: Any, password_variable: str | None) -> BinaryIO:
    if not info.flag_bits & _ENCRYPTED:
        return cast(
            "BinaryIO",
            redacted_call(lambda: archive.open(info), partial(_translate_error, info, "")),
        )
    variable = f"${password_variable}" if password_variable else "the variable of its card"
    password = None if password_variable is None else Secret.from_environment(password_variable)
    if password is None:
        raise DamagedArchiveError(
            f"is encrypted: put the password that its owners mail you into {variable}"
        )
    # The password is among the arguments of the library's frames, so none of them may get out.
    return cast(
        "BinaryIO",
        redacted_call(
            lambda: archive.open(info, pwd=password.reveal().encode()),
            partial(_translate_error, info, f"; is the password in {password.name} right?"),
        ),
    )


def _translate_error(info: Any, hint: str, error: Exception) -> TransferError | None:
    if isinstance(error, NotImplementedError):
        return DamagedArchiveError(
            f"{info.filename} is packed in a way that is not read here (method "
            f"{info.compress_type}): unpack the archive with another program, such as 7-Zip, and "
            "put the files into place"
        )
    if isinstance(error, (RuntimeError, *BAD_ZIP_ERRORS)):
        return DamagedArchiveError(f"{info.filename} cannot be opened{hint}")
    return None
