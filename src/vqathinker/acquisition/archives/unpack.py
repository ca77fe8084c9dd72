"""Unpack an archive into a folder, safely, and go on where an earlier run was killed.

Names, kinds and limits are checked in `members`, files put into place in `member_writer`: LSVQ's
equal names in different folders stay apart, a user's own files stay as they are. Files with private
data (KoNViD_1k_subjective.csv, see its card) are never written, and an archive that holds some does
not stay either.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, cast

from vqathinker.acquisition.archives.journal import UnpackJournal
from vqathinker.acquisition.archives.member_writer import MemberWriter, UnpackResult
from vqathinker.acquisition.archives.members import (
    ArchiveLimits,
    DamagedArchiveError,
    LimitCounter,
    Member,
)
from vqathinker.acquisition.archives.parts import JoinedFiles
from vqathinker.acquisition.archives.split import pieces_of_zip
from vqathinker.acquisition.archives.tars import read_tar
from vqathinker.acquisition.archives.zips import read_zip
from vqathinker.acquisition.transfer.disk import require_space
from vqathinker.acquisition.transfer.errors import TransferError
from vqathinker.acquisition.transfer.progress import progress_bar
from vqathinker.content import document_in

__all__ = ["unpack"]

_log = logging.getLogger(__name__)


def unpack(
    archive: Path | Sequence[Path],
    target: Path,
    *,
    limits: ArchiveLimits,
    private: Sequence[str] = (),
    password_variable: str | None = None,
    keep_archive: bool = True,
) -> UnpackResult:
    """Unpack a zip or tar file, told apart by their content.

    Args:
        archive: one file, or its parts in order; they are read as one without being joined. Of a
            zip in pieces, .z01, .z02, …, .zip, the last one; the others lie beside it.
        target: folder, made when it is not there.
        limits: of files and bytes, from the card.
        private: patterns as of fnmatch, in any case, of paths or names that are never written.
        password_variable: environment variable that holds the password of an encrypted zip.
        keep_archive: False removes it in the end. One that holds private files is always removed.

    Returns:
        What was written, was there, was left out.

    Raises:
        UnsafeError: the archive holds what it must not. All of a zip is looked at before
            its first file is written; of a tar, what came before the bad member stays.
        DamagedArchiveError: it cannot be read to its end, or needs a (or another) password.
        ConflictError: something else is where a file belongs; it is left as it is.
        DiskFullError: it does not fit. After this and after a kill, the next call goes on.
        BusyError: another process is at the same archive.
    """
    given = [archive] if isinstance(archive, Path) else list(archive)
    parts = pieces_of_zip(given[0]) if len(given) == 1 else given
    name = given[0]
    target.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        joined = stack.enter_context(JoinedFiles(parts))
        buffered = stack.enter_context(BufferedReader(joined, 1 << 20))
        journal = stack.enter_context(UnpackJournal(name.with_name(f"{name.name}.unpacked")))
        writer = MemberWriter(target, name.name, private, journal)
        try:
            file = cast("BinaryIO", buffered)
            members = _read_members(file, name, joined.starts, password_variable)
            total = None
            if isinstance(members, list):  # a zip has a table of contents
                total = _bytes_within_limits(members, LimitCounter(joined.size, limits))
                require_space(target, writer.bytes_to_write(members))
            counter = LimitCounter(joined.size, limits)
            with progress_bar(f"unpacking {name.name}", total) as report:
                for member in members:
                    counter.add(member)
                    writer.write(member)
                    report(counter.bytes, total)
        except TransferError as error:
            raise type(error)(f"{name}: {error}") from None
        journal.finish()
    _log_result(name, writer.result)
    if writer.result.private or not keep_archive:
        for part in parts:
            part.unlink(missing_ok=True)
    return writer.result


def _read_members(
    file: BinaryIO, archive: Path, starts: Sequence[int], password_variable: str | None
) -> list[Member] | Iterator[Member]:
    """What an archive holds, a list where it has a table of contents."""
    if found := document_in(archive):
        raise DamagedArchiveError(f"is {found.instead_of('an archive')}: get the archive again")
    start = file.read(2)
    file.seek(0)
    if start == b"PK":
        return read_zip(file, archive, starts, password_variable)
    return read_tar(file, archive)


def _bytes_within_limits(members: Sequence[Member], counter: LimitCounter) -> int:
    """Bytes of all members together, when they keep to the limits."""
    for member in members:
        counter.add(member)
    return counter.bytes


def _log_result(archive: Path, result: UnpackResult) -> None:
    written, present = len(result.written), len(result.present)
    _log.info("%s: %d files written, %d were there", archive, written, present)
    for path in result.private:
        _log.warning("%s: %s holds private data and is not kept", archive, path)
    for one, other in result.case_collisions:
        _log.warning("%s: %s and %s differ only in upper and lower case", archive, one, other)
