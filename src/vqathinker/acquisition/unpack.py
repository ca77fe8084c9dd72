"""Unpack archives without writing outside the target or overwriting other content.

Files are written under a temporary name and renamed when complete. After a kill, the next run
compares existing files byte by byte and writes the missing ones. Files with private data
(KoNViD_1k_subjective.csv, see its card) are never written, and archives that contain some are
removed.
"""

import logging
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from vqathinker.acquisition.archive import (
    READ_ERRORS,
    Member,
    open_joined,
    pieces_of_zip,
    read_tar,
    read_zip,
)
from vqathinker.acquisition.errors import (
    DamagedArchiveError,
    TransferError,
    UnsafeError,
    conflict_error,
    require_space,
)
from vqathinker.acquisition.partial import progress_bar

_log = logging.getLogger(__name__)

_CHUNK = 1 << 20
# Largest ratio of unpacked to packed bytes; videos hardly compress.
_LARGEST_RATIO = 20


def unpack(
    parts: Sequence[Path],
    target: Path,
    *,
    max_files: int,
    max_bytes: int,
    private: Sequence[str] = (),
    password_variable: str | None = None,
) -> list[PurePosixPath]:
    """Unpack a zip or tar file; its content decides which of them it is.

    Args:
        parts: the archive, or its parts in order. Of a split zip (.z01, .z02, …, .zip), the last
            piece; the others are in the same folder.
        target: folder, created if it does not exist.
        max_files: maximum number of members, including folders.
        max_bytes: maximum size of all files together.
        private: fnmatch patterns, ignoring case, of paths or names that are never written. An
            archive that contains such a file is removed.
        password_variable: environment variable with the password of an encrypted zip.

    Returns:
        Paths of all files, relative to the target.

    Raises:
        UnsafeError: an unsafe member, or too many. A zip is checked before its first file is
            written; of a tar, earlier members stay.
        DamagedArchiveError: the archive is truncated or corrupt, or the password wrong or missing.
        ConflictError: something else has the path of a file.
        DiskFullError: there is too little space.
    """
    archive = parts[0]
    if len(parts) == 1:
        parts = pieces_of_zip(archive)
    target.mkdir(parents=True, exist_ok=True)
    temporary = target / f".{archive.name}.part"
    patterns = [pattern.lower() for pattern in private]
    placed: list[PurePosixPath] = []
    has_private = False
    try:
        file, starts, size = open_joined(parts)
        with file, progress_bar(f"unpacking {archive.name}") as report:
            total, done, max_bytes = None, 0, min(max_bytes, _LARGEST_RATIO * size)
            members: Iterable[Member]
            if file.read(2) == b"PK":
                listed = read_zip(file, starts, password_variable)
                members = list(_within_limits(listed, max_files, max_bytes))
                total = sum(member.size for member in members)
                missing = (one.size for one in members if not (target / one.path).exists())
                require_space(target, sum(missing))
            else:
                file.seek(0)
                members = _within_limits(read_tar(file), max_files, max_bytes)
            for member in members:
                names = str(member.path).lower(), member.path.name.lower()
                if any(fnmatchcase(name, pattern) for name in names for pattern in patterns):
                    _log.warning("%s: %s has private data and is not kept", archive, member.path)
                    has_private = True
                else:
                    _place(member, target, temporary)
                    placed += [] if member.is_folder else [member.path]
                done += member.size
                report(done, total)
    except TransferError as error:
        raise type(error)(f"{archive}: {error}") from None
    _log.info("%s: %d files in place", archive, len(placed))
    if has_private:
        for part in parts:
            part.unlink(missing_ok=True)
    return placed


def _within_limits(members: Iterable[Member], max_files: int, max_bytes: int) -> Iterator[Member]:
    """Yield the members; raise UnsafeError when a limit is exceeded."""
    size = 0
    for number, member in enumerate(members, 1):
        size += member.size
        if number > max_files or size > max_bytes:
            raise UnsafeError(
                f"contains more than {max_files:,} files or {max_bytes:,} bytes, the limits of its "
                f"card (and {_LARGEST_RATIO} times its own size)"
            )
        yield member


def _place(member: Member, target: Path, temporary: Path) -> None:
    """Write a file or create a folder, unless it exists; ConflictError if another one does."""
    final = target / member.path
    try:
        (final if member.is_folder else final.parent).mkdir(parents=True, exist_ok=True)
        if member.is_folder:
            return
        if os.path.lexists(final):
            found = final.lstat()  # links are refused, whatever their target contains
            same = stat.S_ISREG(found.st_mode) and found.st_size == member.size
            if same:
                with final.open("rb") as file:
                    same = all(file.read(len(chunk)) == chunk for chunk in _read_chunks(member))
            if not same:
                raise conflict_error(final)
            return
        with temporary.open("wb") as file:
            for chunk in _read_chunks(member):
                file.write(chunk)
        temporary.replace(final)
    except (FileExistsError, NotADirectoryError):
        raise conflict_error(final) from None
    except OSError as error:
        error.filename = str(final)  # a failed write does not name it
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _read_chunks(member: Member) -> Iterator[bytes]:
    """Yield exactly as many bytes as the member states."""
    left = member.size
    try:
        with member.open() as file:
            while left and (chunk := file.read(min(_CHUNK, left))):
                left -= len(chunk)
                yield chunk
            if left:
                raise EOFError
    except TransferError:
        raise
    except READ_ERRORS:
        raise DamagedArchiveError(
            f"{member.path} is truncated or does not match its size or checksum: download the "
            "archive again, or, if it is encrypted, check the password"
        ) from None
