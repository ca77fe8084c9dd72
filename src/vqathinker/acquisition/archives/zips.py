"""Members of a zip file, encrypted or not.

ZipCrypto, the old encryption, is read by zipfile with the compiled cipher of fast-zip-decryption,
which patches zipfile when it is imported (78 MB/s against 1.3 MB/s of plain Python, measured); AES
by pyzipper. Which of them LIVE-YT-HFR uses is not published.
"""

import stat
import zipfile
from functools import partial
from pathlib import PurePosixPath
from typing import Any, BinaryIO, cast

import pyzipper

from vqathinker.acquisition.archives.members import DamagedArchiveError, Member
from vqathinker.acquisition.transfer.errors import TransferError, UnsafeError
from vqathinker.acquisition.transfer.redaction import redacted_call
from vqathinker.acquisition.transfer.safe_path import safe_path
from vqathinker.acquisition.transfer.secret import Secret

__all__ = ["BAD_ZIP_ERRORS", "read_zip"]

BAD_ZIP_ERRORS: tuple[type[Exception], ...] = (zipfile.BadZipFile, pyzipper.BadZipFile)
_UNREADABLE_ERRORS: tuple[type[Exception], ...] = (*BAD_ZIP_ERRORS, EOFError, NotImplementedError)

_ENCRYPTED = 0x1
_AES = 99


def read_zip(file: BinaryIO, password_variable: str | None) -> list[Member]:
    """List a zip file; its members can be opened while `file` is.

    Args:
        file: seekable.
        password_variable: environment variable that holds the password; None for a set whose
            archives are not encrypted.

    Raises:
        DamagedArchiveError: no zip file, or one that is cut off.
        UnsafeError: a member is neither file nor folder, or has an unsafe name.
    """
    try:
        archive: Any = zipfile.ZipFile(file)
        if any(info.compress_type == _AES for info in archive.infolist()):
            archive = pyzipper.AESZipFile(file)
    except _UNREADABLE_ERRORS as error:
        message = f"cannot be read as a zip file ({error}): get the archive again"
        raise DamagedArchiveError(message) from None
    infos = archive.infolist()
    if any(info.flag_bits & _ENCRYPTED and info.compress_type != _AES for info in infos):
        import fast_zip_decryption  # noqa: F401, PLC0415  patches zipfile: only where it is needed
    return [
        Member(
            path=_safe_member_path(info),
            size=info.file_size,
            is_folder=info.is_dir(),
            open=partial(_open, archive, info, password_variable),
        )
        for info in infos
        if info.filename.strip("./")  # the target itself needs no mention
    ]


def _safe_member_path(info: Any) -> PurePosixPath:
    # zipfile cuts a name at a NUL, other programs do not.
    path = safe_path(info.orig_filename)
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise UnsafeError(f"holds {str(path)!r}: a link or device, no file")
    return path


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
            f"{info.filename} is packed in a way that is not read here ({error}): unpack the "
            "archive with another program, such as 7-Zip, and put the files into place"
        )
    if isinstance(error, (RuntimeError, *BAD_ZIP_ERRORS)):
        return DamagedArchiveError(f"{info.filename} cannot be opened{hint}")
    return None
