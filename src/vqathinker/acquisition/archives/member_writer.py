"""Write the files of an archive into their folder: never outside, never over another content.

A file is written under another name and gets its own when it is whole, so that a killed unpacking
leaves no half file. What is there already is compared, byte by byte unless the journal knows it.
"""

import lzma
import os
import stat
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import partial
from io import FileIO
from pathlib import Path, PurePosixPath
from tarfile import TarError

from vqathinker.acquisition.archives.journal import UnpackJournal
from vqathinker.acquisition.archives.members import DamagedArchiveError, Member
from vqathinker.acquisition.archives.zips import BAD_ZIP_ERRORS
from vqathinker.acquisition.transfer.disk import disk_full_error
from vqathinker.acquisition.transfer.errors import TransferError

__all__ = ["ConflictError", "MemberWriter", "UnpackResult"]

_CHUNK = 1 << 20
_READ_ERRORS: tuple[type[Exception], ...] = (
    *BAD_ZIP_ERRORS,
    TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    RuntimeError,
)


class ConflictError(TransferError):
    """Something else is where a file of an archive belongs."""


@dataclass
class UnpackResult:
    """What became of an archive's files.

    Args:
        written: paths below the target that were written now.
        present: paths that were there already, with the same content.
        private: paths that were left out because they hold private data.
        case_collisions: pairs of paths that differ only in upper and lower case, which some file
            systems cannot keep apart.
    """

    written: list[PurePosixPath] = field(default_factory=list)
    present: list[PurePosixPath] = field(default_factory=list)
    private: list[PurePosixPath] = field(default_factory=list)
    case_collisions: list[tuple[PurePosixPath, PurePosixPath]] = field(default_factory=list)


class MemberWriter:
    """Writes members into `target` one by one; `result` tells what became of them.

    Args:
        target: folder that is there.
        name: of the archive; files on their way are called after it.
        private: patterns as of fnmatch, in any case, of paths or names that are never written.
        journal: what an earlier run has put into place.
    """

    def __init__(
        self, target: Path, name: str, private: Sequence[str], journal: UnpackJournal
    ) -> None:
        self.result = UnpackResult()
        self._target = target
        self._resolved_target = target.resolve()
        self._private_patterns = [pattern.lower() for pattern in private]
        self._journal = journal
        self._temporary = target / f".{name}.part"
        self._first_spellings: dict[str, PurePosixPath] = {}
        self._checked_folders: set[Path] = set()

    def bytes_to_write(self, members: Sequence[Member]) -> int:
        """Bytes of the members that the journal does not know to be in place."""
        return sum(member.size for member in members if not self._is_in_journal(member))

    def write(self, member: Member) -> None:
        """Write a member, unless it is private or here already.

        Raises:
            ConflictError: something else is in its place, or a link in its way.
            DamagedArchiveError: it cannot be read.
            DiskFullError: it does not fit.
        """
        path, final = member.path, self._target / member.path
        if self._is_private(path) or (member.same_as and self._is_private(member.same_as)):
            self.result.private.append(path)
            return
        if member.same_as is not None:
            member = replace(member, open=partial(FileIO, self._target / member.same_as))
        self._make_folder(final if member.is_folder else final.parent, path)
        if member.is_folder:
            return
        first = self._is_first_occurrence(path)
        if first and self._is_in_journal(member):
            self.result.present.append(path)
        elif os.path.lexists(final):
            self._require_same_content(member, final)
            if first:
                self.result.present.append(path)
        else:
            self._write_new(member, final)
            self.result.written.append(path)

    def _is_private(self, path: PurePosixPath) -> bool:
        names = (str(path).lower(), path.name.lower())
        return any(
            fnmatchcase(name, pattern) for name in names for pattern in self._private_patterns
        )

    def _is_in_journal(self, member: Member) -> bool:
        try:
            return self._journal.contains(member.path, (self._target / member.path).lstat())
        except OSError:
            return False

    def _is_first_occurrence(self, path: PurePosixPath) -> bool:
        """Whether the archive has not had this path yet."""
        before = self._first_spellings.setdefault(str(path).lower(), path)
        if before is not path and before != path:
            self.result.case_collisions.append((before, path))
        return before is path

    def _make_folder(self, folder: Path, path: PurePosixPath) -> None:
        if folder in self._checked_folders:
            return
        # Names are safe, but a link that is there already may lead anywhere.
        try:
            leads_out = not folder.resolve().is_relative_to(self._resolved_target)
        except RuntimeError:
            raise ConflictError(f"{folder}: a link on its way leads back to itself") from None
        if leads_out:
            raise ConflictError(f"{folder} leads out of {self._target}, where {path} belongs")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise ConflictError(f"{folder} is no folder, but {path} belongs into it") from None
        except OSError as error:
            raise disk_full_error(error, self._target, None) or error from None
        self._checked_folders.add(folder)

    def _require_same_content(self, member: Member, final: Path) -> None:
        found = final.lstat()  # a link to the same content is not that file
        same = stat.S_ISREG(found.st_mode) and found.st_size == member.size
        if same:
            with final.open("rb") as file:
                same = all(file.read(len(chunk)) == chunk for chunk in _read_chunks(member))
        if not same:
            raise ConflictError(
                f"{final} is there with another content, and is left as it is; move it away, and "
                "run the same command again"
            )
        self._journal.add(member.path, found)

    def _write_new(self, member: Member, final: Path) -> None:
        # Not through a link that stands where the temporary file belongs.
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        written = 0
        try:
            with os.fdopen(os.open(self._temporary, flags, 0o666), "wb") as file:
                for chunk in _read_chunks(member):
                    file.write(chunk)
                    written += len(chunk)
            self._temporary.replace(final)
        except OSError as error:
            self._temporary.unlink(missing_ok=True)
            raise disk_full_error(error, final, member.size - written) or error from None
        except TransferError:
            self._temporary.unlink()
            raise
        self._journal.add(member.path, final.lstat())


def _read_chunks(member: Member) -> Iterator[bytes]:
    """A member's bytes: as many as it says it has."""
    left = member.size
    try:
        with member.open() as file:
            while left and (chunk := file.read(min(_CHUNK, left))):
                left -= len(chunk)
                yield chunk
    except TransferError:
        raise
    except _READ_ERRORS as error:
        reason = error.strerror if isinstance(error, OSError) else None
        reason = reason or "its bytes end too soon, or do not fit its checksum"
        raise DamagedArchiveError(_unreadable_message(member, reason)) from None
    if left:
        raise DamagedArchiveError(_unreadable_message(member, "has another size than it says"))


def _unreadable_message(member: Member, reason: str) -> str:
    return (
        f"{member.path} cannot be read to its end ({reason}): get the archive again, or, when it "
        "is encrypted, look whether the password is right"
    )
