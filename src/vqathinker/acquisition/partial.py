"""Partial files: the bytes downloaded so far, and a note about their origin.

`X.part` holds the first bytes of `X`. `X.part.json` records their origin, so that a later process
knows whether it can resume. `X.part` is renamed to `X` when it is complete. Neither file belongs to
a data set; `is_partial_file` recognises their names.
"""

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import DownloadColumn, Progress, TransferSpeedColumn

from vqathinker.acquisition.checksum import Checksum
from vqathinker.acquisition.errors import OriginError

# Called with the bytes done and the total number of bytes (None if unknown).
ReportProgress = Callable[[int, int | None], None]

_UNFINISHED = re.compile(r"\.part(\.json)?\Z|\.part\.drive")  # the last is gdown's


def is_partial_file(name: str) -> bool:
    """Whether a file name is that of a partial file or its note.

    >>> [is_partial_file(name) for name in ("a.mp4.part", "a.mp4.part.json", "a.part.mp4")]
    [True, True, False]
    """
    return _UNFINISHED.search(name) is not None


@dataclass(frozen=True)
class ExpectedFile:
    """Published facts about a file.

    Args:
        name: unique path for messages and the mirror folder: "konvid_1k/KoNViD_1k_videos.zip".
        size: in bytes.
        checksum: of its content.
        is_binary: True for archives and videos, for which text and documents are refused.
    """

    name: str
    size: int | None = None
    checksum: Checksum | None = None
    is_binary: bool = False


class PartialFile:
    """The bytes of `target` downloaded so far. Creates the folder of `target`.

    `resumed` is True if some bytes come from an earlier run or another origin. `total` is the size
    of the complete file, or None.
    """

    def __init__(self, target: Path, expected: ExpectedFile) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        self.target, self.expected = target, expected
        self.path = target.with_name(f"{target.name}.part")
        self.total = expected.size
        self.resumed = self.size > 0
        self._note_path = target.with_name(f"{target.name}.part.json")
        try:
            self._note = json.loads(self._note_path.read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            self._note = {}

    @property
    def size(self) -> int:
        """Bytes downloaded so far."""
        return self.path.stat().st_size if self.path.exists() else 0

    def resume_condition(self, origin: str) -> tuple[bool, str | None]:
        """Whether an origin may resume these bytes, and the value of If-Range, if any.

        With a known checksum, any origin may. Otherwise only the origin with the same fingerprint
        may, and only if it sent a validator.
        """
        note, checksum = self._note, self.expected.checksum
        if not note or self.size == 0:
            return False, None
        if checksum is not None and note["checksum"] == str(checksum):
            return True, None
        return note["origin"] == origin and note["validator"] is not None, note["validator"]

    def restart(self, origin: str, validator: str | None, total: int | None) -> None:
        """Discard all bytes and record the origin of the new ones.

        Args:
            origin: fingerprint of the origin.
            validator: strong ETag or Last-Modified, if any.
            total: bytes of the complete file, if known.
        """
        self.discard()
        self.total, self.resumed = total, False
        checksum = None if self.expected.checksum is None else str(self.expected.checksum)
        self._note = {"origin": origin, "validator": validator, "checksum": checksum}
        # Not atomic: if a kill truncates the note, the next run restarts from zero.
        self._note_path.write_text(json.dumps(self._note) + "\n", encoding="utf-8")
        self.path.touch()

    def append(self, chunk: bytes) -> None:
        """Append bytes.

        Raises:
            OSError: the bytes cannot be written completely; those written so far are kept.
            OriginError: the file would exceed its total size.
        """
        if self.total is not None and self.size + len(chunk) > self.total:
            raise OriginError(f"sent more than the expected {self.total:,} bytes")
        try:
            with self.path.open("ab") as file:
                file.write(chunk)
        except OSError as error:
            error.filename = str(self.path)  # Python does not set it when a write fails
            raise

    def discard(self) -> None:
        """Remove the bytes and their note."""
        self.path.unlink(missing_ok=True)
        self._note = {}
        self._note_path.unlink(missing_ok=True)

    def finish(self) -> None:
        """Flush the file to disk and rename it to `target`."""
        with self.path.open("rb") as file:
            os.fsync(file.fileno())
        self._note_path.unlink(missing_ok=True)
        self.path.replace(self.target)


@contextmanager
def progress_bar(description: str) -> Iterator[ReportProgress]:
    """Show a progress bar on a terminal; yields the function that updates it."""
    console = Console(stderr=True)
    columns = *Progress.get_default_columns(), DownloadColumn(), TransferSpeedColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(escape(description), total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
