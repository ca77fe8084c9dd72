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

__all__ = ["Entry", "Journal"]


@dataclass(frozen=True, slots=True)
class Entry:
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
        rows: the file of frames.
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
        self.rows = out.with_name(f".{out.name}.rows")
        self._key = json.dumps(key, sort_keys=True)
        self.entries = self._read()
        if not self.entries:
            self.rows.unlink(missing_ok=True)
        with self.rows.open("ab") as file:
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

    def keep(self, is_whole: Callable[[Entry], bool]) -> None:
        """Forget the entries that are not whole."""
        self.entries = {row: entry for row, entry in self.entries.items() if is_whole(entry)}
        self._file.close()
        self._file = self._rewrite()

    def add(self, entry: Entry) -> None:
        """Write down that a video is through."""
        self.entries[entry.row] = entry
        self._file.write(_line(entry))
        self._file.flush()

    def remove(self) -> None:
        """Delete both files: the shard is whole."""
        self._path.unlink()
        self.rows.unlink()

    def _read(self) -> dict[int, Entry]:
        if not (self._path.is_file() and self.rows.is_file()):
            return {}
        key, *lines = self._path.read_text(encoding="utf-8").split("\n")
        if key != self._key:
            return {}
        whole = lines[:-1]  # behind the last line break stands nothing, or half an entry
        entries = (_entry(line) for line in whole)
        return {entry.row: entry for entry in entries}

    def _rewrite(self) -> TextIO:
        fresh = self._path.with_suffix(".fresh")
        text = self._key + "\n" + "".join(_line(entry) for entry in self.entries.values())
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(self._path)
        return self._path.open("a", encoding="utf-8")


def _line(entry: Entry) -> str:
    return json.dumps(asdict(entry)) + "\n"


def _entry(line: str) -> Entry:
    said = json.loads(line)
    failure = said.pop("failure")
    return Entry(**said, failure=Failure(*failure) if failure else None)
