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
from dataclasses import dataclass
from pathlib import Path

from vqathinker.acquisition.checksum import Checksum
from vqathinker.acquisition.errors import OriginError

# Ours, and gdown's beside it. Earlier versions left .part.json.new and .part.hub.
_UNFINISHED = re.compile(r"\.part(\.json(\.new)?)?\Z|\.part\.(drive|hub)")


def is_unfinished(name: str) -> bool:
    """Whether a file of that name is on its way, or a note about one.

    >>> [is_unfinished(name) for name in ("a.mp4.part", "a.mp4.part.json", "a.part.mp4")]
    [True, True, False]
    """
    return _UNFINISHED.search(name) is not None


@dataclass(frozen=True)
class ExpectedFile:
    """What is known about a file before it comes.

    Args:
        name: of the file among all others, for messages and for the mirror folder:
            "konvid_1k/KoNViD_1k_videos.zip".
        size: in bytes; None when not published.
        checksum: None when not published.
        is_binary: whether it is an archive or a video, which no text or document can be.
    """

    name: str
    size: int | None = None
    checksum: Checksum | None = None
    is_binary: bool = False


class PartialFile:
    """The bytes of `target` that have come; only `open_for` makes one.

    `resumed` says whether some of them are from an earlier run or another origin.
    """

    def __init__(self, target: Path, expected: ExpectedFile) -> None:
        self.target, self.expected = target, expected
        self.path = target.with_name(f"{target.name}.part")
        self.total = expected.size
        self._file = self.path.open("ab", buffering=0)
        self.size = self._file.tell()
        self.resumed = self.size > 0
        self._note = self._read_note()

    @classmethod
    @contextmanager
    def open_for(cls, target: Path, expected: ExpectedFile) -> Iterator["PartialFile"]:
        """Open what there is of `target`; its folder is made."""
        target.parent.mkdir(parents=True, exist_ok=True)
        part = cls(target, expected)
        try:
            yield part
        finally:
            part._file.close()
            if part.size == 0:
                part.path.unlink(missing_ok=True)
                clear_note(target)

    def resume_condition(self, origin: str) -> tuple[bool, str | None]:
        """Whether this origin may continue these bytes, and what to send as If-Range.

        With a checksum any origin may, for the end tells whether it was right to. Without one only
        the same origin may, and only when it named the version of the file.

        Args:
            origin: fingerprint of the origin.
        """
        note, checksum = self._note, self.expected.checksum
        if not note or self.size == 0:
            return False, None
        if checksum is not None and note.get("checksum") == str(checksum):
            return True, None
        validator = note.get("validator")
        return note.get("origin") == origin and validator is not None, validator

    def restart(self, origin: str, validator: str | None, total: int | None) -> None:
        """Throw away what there is and note where the bytes that follow come from.

        Args:
            origin: fingerprint of the origin.
            validator: a strong ETag, or Last-Modified, of the file there; None without one.
            total: bytes of the whole file; None when unknown.
        """
        self.discard()
        self.total, self.resumed = total, False
        checksum = None if self.expected.checksum is None else str(self.expected.checksum)
        self._note = {"origin": origin, "validator": validator, "checksum": checksum}
        # Where a kill cuts it off, the next run starts again.
        _note_of(self.target).write_text(json.dumps(self._note) + "\n", encoding="utf-8")

    def append(self, chunk: bytes) -> None:
        """Add bytes at the end.

        Raises:
            OSError: they do not fit; those that did are kept.
            OriginError: more bytes came than the file has.
        """
        if self.total is not None and self.size + len(chunk) > self.total:
            raise OriginError(f"sent more than the {self.total:,} bytes of the file")
        left = memoryview(chunk)
        while left:
            try:
                written = self._file.write(left)
            except OSError as error:
                error.filename = str(self.path)  # the system does not say which
                raise
            self.size += written
            left = left[written:]

    def replace_with(self, whole: Path) -> None:
        """Take over, without copying, a file that another program has written beside this one."""
        self._file.close()
        whole.replace(self.path)
        self._file = self.path.open("ab", buffering=0)
        self.size = self._file.tell()

    def discard(self) -> None:
        """Throw the bytes away."""
        self._file.truncate(0)
        self.size, self._note = 0, {}
        clear_note(self.target)

    def finish(self) -> None:
        """Give the file its name; it is on the disk before it has it."""
        os.fsync(self._file.fileno())
        self.path.replace(self.target)
        clear_note(self.target)

    def _read_note(self) -> dict[str, str | None]:
        """Which file, at which origin, the bytes so far are of."""
        try:
            note: dict[str, str | None] = json.loads(_note_of(self.target).read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return note


def clear_note(target: Path) -> None:
    """Remove the note of a file that has its name, or has no bytes on their way."""
    _note_of(target).unlink(missing_ok=True)


def _note_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.part.json")
