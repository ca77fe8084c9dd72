"""A file on its way: the bytes so far, and a note of where they came from.

`X.part` holds the first bytes of `X`, `X.part.json` says whose they are, so that a later process
knows whether it may go on behind them. `X` itself appears whole or not at all. Neither is a file
of a set: `is_unfinished` knows their names.
"""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from io import FileIO
from pathlib import Path

from filelock import lock_descriptor

from vqathinker.acquisition.transfer.disk import disk_full_error
from vqathinker.acquisition.transfer.errors import BusyError, OriginError
from vqathinker.acquisition.transfer.expected_file import ExpectedFile

__all__ = ["PartialFile", "is_unfinished"]

# Ours, gdown's beside it, and what is written to get its name when it is whole.
_UNFINISHED = re.compile(r"\.part(\.json(\.new)?)?\Z|\.part\.(drive|hub)")


def is_unfinished(name: str) -> bool:
    """Whether a file of that name is on its way, or a note about one.

    >>> [is_unfinished(name) for name in ("a.mp4.part", "a.mp4.part.json", "a.part.mp4")]
    [True, True, False]
    """
    return _UNFINISHED.search(name) is not None


@dataclass(frozen=True)
class _BytesSource:
    """Which file, at which origin, the bytes so far are of."""

    origin: str
    validator: str | None
    checksum: str | None


class PartialFile:
    """The bytes of `target` that have come; only `open_for` makes one.

    `resumed` says whether some of them are from an earlier run or another origin.
    """

    def __init__(self, target: Path, expected: ExpectedFile) -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}.part")
        self.expected = expected
        self.total = expected.size
        self._file = self._open_locked()
        self.size = os.fstat(self._file.fileno()).st_size
        self.resumed = self.size > 0
        self._note_path = _note_of(target)
        self._source = self._read_note()

    @classmethod
    @contextmanager
    def open_for(cls, target: Path, expected: ExpectedFile) -> Iterator["PartialFile"]:
        """Open what there is of `target`, for this process alone; its folder is made.

        Raises:
            BusyError: another process is getting the same file.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        part = cls(target, expected)
        try:
            yield part
        finally:
            if part.size == 0 and part.path.exists():
                part.discard()
                part.path.unlink()
            part._file.close()

    @staticmethod
    def clear_note(target: Path) -> None:
        """Remove the note of a file that has its name, and no bytes on their way."""
        if not target.with_name(f"{target.name}.part").exists():
            _remove_note(_note_of(target))

    def resume_condition(self, origin: str) -> tuple[bool, str | None]:
        """Whether this origin may continue these bytes, and what to send as If-Range.

        With a checksum any origin may, for the end tells whether it was right to. Without one only
        the same origin may, and only when it named the version of the file.

        Args:
            origin: fingerprint of the origin.
        """
        source, checksum = self._source, self.expected.checksum
        if source is None or self.size == 0:
            return False, None
        if checksum is not None and source.checksum == str(checksum):
            return True, None
        return source.origin == origin and source.validator is not None, source.validator

    def restart(self, origin: str, validator: str | None, total: int | None) -> None:
        """Throw away what there is and note where the bytes that follow come from.

        Args:
            origin: fingerprint of the origin.
            validator: a strong ETag, or Last-Modified, of the file there; None without one.
            total: bytes of the whole file; None when unknown.
        """
        self._file.seek(0)
        self._file.truncate()
        self.size, self.total, self.resumed = 0, total, False
        checksum = self.expected.checksum
        self._source = _BytesSource(origin, validator, None if checksum is None else str(checksum))
        fresh = _fresh(self._note_path)  # under the lock, so no other process has it open
        try:
            fresh.write_text(json.dumps(asdict(self._source)) + "\n", encoding="utf-8")
            fresh.replace(self._note_path)
        except OSError as error:
            raise disk_full_error(error, self.path, total) or error from error

    def append(self, chunk: bytes) -> None:
        """Add bytes at the end.

        Raises:
            DiskFullError: they do not fit; those that did are kept.
            OriginError: more bytes came than the file has.
        """
        if self.total is not None and self.size + len(chunk) > self.total:
            raise OriginError(f"sent more than the {self.total:,} bytes of the file")
        left = memoryview(chunk)
        self._file.seek(self.size)
        while left:
            try:
                written = self._file.write(left) or 0
            except OSError as error:
                needed = None if self.total is None else self.total - self.size
                full = disk_full_error(error, self.path, needed)
                raise full or error from error
            self.size += written
            left = left[written:]

    def replace_with(self, whole: Path) -> None:
        """Take over, without copying, a file that another program has written beside this one."""
        whole.replace(self.path)
        self._file.close()
        self._file = self._open_locked()
        self.size = os.fstat(self._file.fileno()).st_size

    def discard(self) -> None:
        """Throw the bytes away: they turned out wrong."""
        self._file.truncate(0)
        self.size = 0
        self._source = None
        _remove_note(self._note_path)

    def finish(self) -> None:
        """Give the file its name; it is on the disk before it has it."""
        os.fsync(self._file.fileno())
        self.path.replace(self.target)
        _remove_note(self._note_path)

    def _open_locked(self) -> FileIO:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        file = FileIO(os.open(self.path, flags, 0o666), "r+")
        try:
            locked = lock_descriptor(file.fileno(), blocking=False)
        except OSError:
            locked = True  # a file system without locks
        if not locked:
            file.close()
            raise BusyError(f"{self.target}: another process is getting it; wait for it")
        return file

    def _read_note(self) -> _BytesSource | None:
        try:
            content = json.loads(self._note_path.read_text(encoding="utf-8"))
            return _BytesSource(content["origin"], content["validator"], content["checksum"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None


def _note_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.part.json")


def _fresh(note: Path) -> Path:
    return note.with_name(f"{note.name}.new")


def _remove_note(note: Path) -> None:
    for path in (note, _fresh(note)):
        path.unlink(missing_ok=True)
