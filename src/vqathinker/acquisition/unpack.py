"""Unpack an archive into a folder: never outside it, never over another content.

A file is written under another name and gets its own when it is whole, so that a killed unpacking
leaves no half file. The next run compares what is there, byte by byte, and goes on: LSVQ's equal
names in different folders stay apart, a user's own files stay as they are. Files with private data
(KoNViD_1k_subjective.csv, see its card) are never written, and an archive that holds some does not
stay either.
"""

import logging
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial
from io import FileIO
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
from vqathinker.acquisition.progress import progress_bar

_log = logging.getLogger(__name__)

_CHUNK = 1 << 20
# Bytes that an archive may unpack to, for each of its own. Videos hardly shrink.
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
    """Unpack a zip or tar file, told apart by their content.

    Args:
        parts: one file, or its parts in order; they are read as one without being joined. Of a zip
            in pieces, .z01, .z02, …, .zip, the last one; the others lie beside it.
        target: folder, made when it is not there.
        max_files: members that it may hold, folders included.
        max_bytes: of all files together, unpacked.
        private: patterns as of fnmatch, in any case, of paths or names that are never written. An
            archive that holds such a file is removed in the end.
        password_variable: environment variable that holds the password of an encrypted zip.

    Returns:
        Paths below the target of all files that are in place now.

    Raises:
        UnsafeError: the archive holds what it must not. All of a zip is looked at before
            its first file is written; of a tar, what came before the bad member stays.
        DamagedArchiveError: it cannot be read to its end, or needs a (or another) password.
        ConflictError: something else is where a file belongs; it is left as it is.
        DiskFullError: it will not fit. OSError: it did not. After these and after a kill, the next
            call goes on.
    """
    archive = parts[0]
    if len(parts) == 1:
        parts = pieces_of_zip(archive)
    target.mkdir(parents=True, exist_ok=True)
    temporary = target / f".{archive.name}.part"
    patterns = [pattern.lower() for pattern in private]
    placed: list[PurePosixPath] = []
    left_out: list[PurePosixPath] = []
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
                if _is_private(member, patterns):
                    _log.warning("%s: %s holds private data and is not kept", archive, member.path)
                    left_out.append(member.path)
                else:
                    _place(member, target, temporary)
                    placed += [] if member.is_folder else [member.path]
                done += member.size
                report(done, total)
    except TransferError as error:
        raise type(error)(f"{archive}: {error}") from None
    _log.info("%s: %d files in place", archive, len(placed))
    if left_out:
        for part in parts:
            part.unlink(missing_ok=True)
    return placed


def _within_limits(members: Iterable[Member], max_files: int, max_bytes: int) -> Iterator[Member]:
    """The members, counted as they say they are; UnsafeError when one is too many."""
    size = 0
    for number, member in enumerate(members, 1):
        size += member.size
        if number > max_files or size > max_bytes:
            raise UnsafeError(
                f"holds more than the {max_files:,} files or {max_bytes:,} bytes that its card "
                f"allows, at most {_LARGEST_RATIO} times its own size"
            )
        yield member


def _is_private(member: Member, patterns: Sequence[str]) -> bool:
    paths = [str(path).lower() for path in (member.path, member.same_as) if path is not None]
    names = [*paths, *(path.rpartition("/")[2] for path in paths)]
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


def _place(member: Member, target: Path, temporary: Path) -> None:
    """Write a file or make a folder, unless it is here already.

    Raises:
        ConflictError: something else is there.
    """
    final = target / member.path
    if member.same_as is not None:
        member = replace(member, open=partial(FileIO, target / member.same_as))
    try:
        (final if member.is_folder else final.parent).mkdir(parents=True, exist_ok=True)
        if member.is_folder:
            return
        if os.path.lexists(final):
            _require_content_of(member, final)
            return
        with temporary.open("wb") as file:
            for chunk in _read_chunks(member):
                file.write(chunk)
        temporary.replace(final)
    except (FileExistsError, NotADirectoryError):
        raise conflict_error(final) from None
    except OSError as error:
        error.filename = str(final)  # the system does not say which
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _require_content_of(member: Member, path: Path) -> None:
    found = path.lstat()  # a link to the same content is not that file
    if not stat.S_ISREG(found.st_mode) or found.st_size != member.size:
        raise conflict_error(path)
    with path.open("rb") as file:
        if any(file.read(len(chunk)) != chunk for chunk in _read_chunks(member)):
            raise conflict_error(path)


def _read_chunks(member: Member) -> Iterator[bytes]:
    """A member's bytes: as many as it says it has."""
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
            f"{member.path} cannot be read to its end, or does not fit its size or checksum: get "
            "the archive again, or, when it is encrypted, look whether the password is right"
        ) from None
