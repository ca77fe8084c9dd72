"""Unpack archives without writing outside the target or overwriting other content.

Files are written under a temporary name and renamed when complete. After an interruption, the next
run compares existing files byte by byte and writes the missing ones. Files with private data (such
as KoNViD_1k_subjective.csv, see its card) are never written, and archives that contain one are
removed.
"""

import logging
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from vqathinker.acquisition.archive import (
    READ_ERRORS,
    Member,
    open_concatenated,
    read_tar,
    read_zip,
    zip_volumes,
)
from vqathinker.acquisition.errors import (
    DamagedArchiveError,
    TransferError,
    UnsafeError,
    make_conflict_error,
    require_space,
)
from vqathinker.acquisition.partial import progress_bar

_log = logging.getLogger(__name__)

_CHUNK = 1 << 20


def unpack(
    parts: Sequence[Path],
    target: Path,
    *,
    max_files: int,
    max_bytes: int,
    is_private: Callable[[PurePosixPath], bool] = lambda _: False,
    password_variable: str | None = None,
) -> list[PurePosixPath]:
    """Unpack a zip or tar file; its content decides which of the two it is.

    Args:
        parts: the archive, or its parts in order. For a split zip (.z01, .z02, …, .zip), the last
            volume; the others must be in the same folder.
        target: folder, created if it does not exist.
        max_files: maximum number of members, including folders.
        max_bytes: maximum size of all files together.
        is_private: whether a file must not be written. An archive that contains such a file is
            removed.
        password_variable: environment variable with the password of an encrypted zip.

    Returns:
        Paths of all files, relative to the target.

    Raises:
        UnsafeError: a member is unsafe, or there are too many. A zip is checked before its first
            file is written; for a tar, members before the unsafe one remain.
        DamagedArchiveError: the archive is truncated or corrupt, or the password wrong or missing.
        ConflictError: the path of a file already holds something else.
        DiskFullError: the disk has too little free space.
    """
    archive = parts[0]
    if len(parts) == 1:
        parts = zip_volumes(archive)
    target.mkdir(parents=True, exist_ok=True)
    temporary = target / f".{archive.name}.part"
    paths: list[PurePosixPath] = []
    has_private = False
    try:
        file, starts = open_concatenated(parts)
        with file, progress_bar(f"unpacking {archive.name}") as report:
            total, done = None, 0
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
                if is_private(member.path):
                    _log.warning("%s: skipped %s, which is private data", archive, member.path)
                    has_private = True
                else:
                    _write_member(member, target, temporary)
                    paths += [] if member.is_folder else [member.path]
                done += member.size
                report(done, total)
    except TransferError as error:
        raise type(error)(f"{archive}: {error}") from None
    _log.info("%s: unpacked %d files", archive, len(paths))
    if has_private:
        for part in parts:
            part.unlink(missing_ok=True)
    return paths


def _within_limits(members: Iterable[Member], max_files: int, max_bytes: int) -> Iterator[Member]:
    """Yield the members; raise UnsafeError when a limit is exceeded."""
    size = 0
    for number, member in enumerate(members, 1):
        size += member.size
        if number > max_files or size > max_bytes:
            raise UnsafeError(
                f"contains more than {max_files:,} files or {max_bytes:,} bytes, the limits of its "
                "card"
            )
        yield member


def _write_member(member: Member, target: Path, temporary: Path) -> None:
    """Write a file or create a folder, unless it exists; ConflictError if it differs."""
    final = target / member.path
    try:
        (final if member.is_folder else final.parent).mkdir(parents=True, exist_ok=True)
        if member.is_folder:
            return
        if os.path.lexists(final):
            found = final.lstat()  # a link is refused, whatever its target contains
            same = stat.S_ISREG(found.st_mode) and found.st_size == member.size
            if same:
                with final.open("rb") as file:
                    same = all(file.read(len(chunk)) == chunk for chunk in _read_chunks(member))
            if not same:
                raise make_conflict_error(final)
            return
        with temporary.open("wb") as file:
            for chunk in _read_chunks(member):
                file.write(chunk)
        temporary.replace(final)
    except (FileExistsError, NotADirectoryError):
        raise make_conflict_error(final) from None
    except OSError as error:
        error.filename = str(final)  # Python does not set it when a write fails
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _read_chunks(member: Member) -> Iterator[bytes]:
    """Yield the content of a member, exactly `member.size` bytes."""
    remaining = member.size
    try:
        with member.open() as file:
            while remaining and (chunk := file.read(min(_CHUNK, remaining))):
                remaining -= len(chunk)
                yield chunk
            if remaining:
                raise EOFError
    except TransferError:
        raise
    except READ_ERRORS:
        raise DamagedArchiveError(
            f"{member.path} is truncated or does not match its size or checksum. Download the "
            "archive again; if it is encrypted, check the password"
        ) from None
