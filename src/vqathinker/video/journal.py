"""What of a shard is decoded already, kept beside it until the shard is whole.

Two hidden files: `.NAME.rows` holds the frames of video n at n clips from its start; the first line
of `.NAME.journal` says what is being made, and every other one, in JSON, that a video is through.
A line is written once its row is; a half line, or lines of another job, count for nothing.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from vqathinker.video.damage import Failure

__all__ = ["Journal", "JournalEntry"]


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A video that is through: its clip, or why it has none.

    Attributes:
        row: place among the videos of the shard, and of its frames in the rows.
        file_size, file_time_ns: of the video when it was decoded; 0 for one that is gone.
        indices, seconds: of the T frames; empty for a failure.
        checksum: CRC-32 of the frames; 0 for a failure.
        failure: status and reason, or None.
    """

    row: int
    file_size: int
    file_time_ns: int
    indices: list[int]
    seconds: list[float]
    checksum: int
    failure: Failure | None


class Journal:
    """The videos of one shard that are through.

    Attributes:
        entries: what is known so far, by row.
        rows_path: the file of frames, clip after clip.
    """

    def __init__(self, out: Path, key: Mapping[str, Any], rows_bytes: int) -> None:
        """Find what an earlier try at the shard `out` left, or begin anew.

        Args:
            out: the shard that is being made.
            key: everything its bytes depend on; what was left under another key is thrown away.
            rows_bytes: size of the frames of all videos; the file of rows is sparse at first.
        """
        out.parent.mkdir(parents=True, exist_ok=True)
        self._path = out.with_name(f".{out.name}.journal")
        self.rows_path = out.with_name(f".{out.name}.rows")
        self._key = json.dumps(key, sort_keys=True)
        self.entries = self._read()
        if not self.entries:
            self.rows_path.unlink(missing_ok=True)
        with self.rows_path.open("ab") as file:
            file.truncate(rows_bytes)
        self._file = self._rewrite()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def keep_only(self, is_valid: Callable[[JournalEntry], bool]) -> None:
        """Forget the entries that are not valid."""
        self.entries = {row: entry for row, entry in self.entries.items() if is_valid(entry)}
        self._file.close()
        self._file = self._rewrite()

    def add(self, entry: JournalEntry) -> None:
        """Write down that a video is through."""
        self.entries[entry.row] = entry
        self._file.write(_format_entry(entry))
        self._file.flush()

    def remove(self) -> None:
        """Delete both files: the shard is whole."""
        self._path.unlink()
        self.rows_path.unlink()

    def _read(self) -> dict[int, JournalEntry]:
        if not (self._path.is_file() and self.rows_path.is_file()):
            return {}
        key, *lines = self._path.read_text(encoding="utf-8").split("\n")
        if key != self._key:
            return {}
        complete_lines = lines[:-1]  # behind the last line break stands nothing, or half an entry
        entries = (_parse_entry(line) for line in complete_lines)
        return {entry.row: entry for entry in entries}

    def _rewrite(self) -> TextIO:
        replacement = self._path.with_suffix(".fresh")
        text = self._key + "\n" + "".join(_format_entry(entry) for entry in self.entries.values())
        replacement.write_text(text, encoding="utf-8")
        replacement.replace(self._path)
        return self._path.open("a", encoding="utf-8")


def _format_entry(entry: JournalEntry) -> str:
    return json.dumps(asdict(entry)) + "\n"


def _parse_entry(line: str) -> JournalEntry:
    fields = json.loads(line)
    failure = fields.pop("failure")
    return JournalEntry(**fields, failure=Failure(*failure) if failure else None)
