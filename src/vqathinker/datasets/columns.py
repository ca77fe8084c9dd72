"""Which column of a table is the video and which is the MOS: by their names, and never by guessing.

A standard deviation fits the scale of a MOS as well, so a column counts only when it is called so,
and nothing is taken where several are. Names of videos may also be told by what is in the column.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from vqathinker.datasets.card import LabelError
from vqathinker.datasets.listing import join_first
from vqathinker.datasets.name_rules import has_video_ending
from vqathinker.datasets.table import Table, TableRow

__all__ = ["LabelColumns", "find_columns"]

_MOST_SHOWN = 12

_MOS, _WRITTEN_OUT = {"mos"}, {"mean", "opinion", "score"}
_SCORE = {"score", "scores", "rating", "ratings", "opinion"}
_MEAN = {"mean", "average", "avg", "quality", "label", "target", "gt"}
# With one of these in its name a column is about the MOS, or about something else.
_NOT_MOS = {
    "std", "stdev", "stddev", "sd", "dev", "deviation", "var", "variance", "ci", "conf",
    "confidence", "interval", "sem", "se", "stderr", "err", "error", "n", "num", "number", "count",
    "counts", "votes", "raters", "min", "max", "low", "high", "lo", "hi", "lower", "upper",
    "median", "skew", "kurtosis", "class", "bin", "category", "range", "scale", "rank", "outliers",
    "dmos", "z", "objective", "predicted", "prediction", "pred", "vmaf", "psnr", "ssim", "niqe",
    "brisque", "lpips", "dover", "fastvqa",
}  # fmt: skip
_VIDEO = {
    "video", "videos", "vid", "vids", "clip", "clips", "file", "files", "filename", "filenames",
    "filepath", "path", "videoname", "videoid", "videofile", "videopath", "clipname", "sequence",
    "seq", "pvs", "stimulus", "stimuli", "flickr", "image",
}  # fmt: skip
_NAME = {"name", "names", "id", "ids", "key", "item", "uid"}
_NOT_VIDEO = {
    "width", "height", "fps", "rate", "framerate", "bitrate", "frames", "duration", "length",
    "size", "bytes", "codec", "resolution", "format", "type", "count", "n", "num", "content",
    "scene", "category", "class", "source", "src", "ref", "reference", "group", "session", "rater",
    "user", "worker", "subject", "url", "link", "hash", "md5",
}  # fmt: skip


class LabelColumns(NamedTuple):
    """Where id and MOS stand: names of columns, or positions from 0 in a table without names."""

    video: str | int
    mos: str | int
    rows: int

    @property
    def named(self) -> bool:
        """Whether the first row of the table names its columns."""
        return isinstance(self.mos, str)


def find_columns(table: Table, video: str | None = None, mos: str | None = None) -> LabelColumns:
    """Find the columns of a table of labels.

    Args:
        table: the labels.
        video: name or position of the column of videos; None: the one that is called so.
        mos: likewise, of the MOS.

    Raises:
        LabelError: there are no two columns or no rows; or no column, or several, are called so,
            which the message lists; or there is no such column.
    """
    if not table.rows:
        raise LabelError(f"{table.path}: no rows, expected one for each video")
    if max(row.width for row in table.rows) < 2:
        first = [list(row.cells) for row in table.rows[:1]]
        raise LabelError(
            f"{table.path}: has {first}, expected two columns, video and mos, with a comma, a "
            "semicolon or a tab between them"
        )
    first_row = table.rows[0]
    if first_row.width < 2:
        raise LabelError(
            f"{table.place(first_row)}: is {first_row.cells[0]!r} alone, expected a row of the "
            "table or names of its columns; remove what stands above them"
        )
    named = _names_columns(table, first_row)
    body = table.rows[1:] if named else table.rows
    if not body:
        raise LabelError(f"{table.path}: no row below the line of names, expected one a video")
    names = list(first_row.cells) if named else [""] * first_row.width
    choice = _Choice(table, names, body, named=named)
    mos_at = choice.given(mos, "--mos") if mos is not None else choice.mos(video)
    video_at = choice.given(video, "--video") if video is not None else choice.video(mos_at)
    if video_at == mos_at:
        raise LabelError(f"{table.path}: {choice.show(mos_at)} cannot be both video and MOS")
    if named:
        return LabelColumns(names[video_at], names[mos_at], len(body))
    return LabelColumns(video_at, mos_at, len(body))


def _names_columns(table: Table, first: TableRow) -> bool:
    """Whether a first row holds names of columns: words where numbers follow, or no number."""
    if any(map(has_video_ending, first.cells)):
        return False
    numbers = [table.number(cell) is not None for cell in first.cells]
    followed = [_is_numeric(table, at, table.rows[1:]) for at in range(len(numbers))]
    words_above = any(below and not here for here, below in zip(numbers, followed, strict=True))
    return words_above or not any(numbers)


def _is_numeric(table: Table, position: int, rows: Sequence[TableRow]) -> bool:
    """Whether most rows have a number there."""
    numbers = [table.number(cell) is not None for cell in table.column(position, rows)]
    return 2 * sum(numbers) > len(rows)


def _tokens(name: str) -> set[str]:
    """Words of a column's name: mos and acr of "MOS (ACR)", video and name of videoName."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return set(re.findall(r"[^\W\d_]+", spaced.casefold()))


class _Choice:
    """Columns of a table to choose from, each by its position."""

    def __init__(
        self, table: Table, names: Sequence[str], rows: Sequence[TableRow], *, named: bool
    ) -> None:
        self._table, self._names, self._rows, self._named = table, names, rows, named
        self._numeric = [_is_numeric(table, position, rows) for position in range(len(names))]

    def given(self, column: str, option: str) -> int:
        """The column that the user has named."""
        for fold in (str, str.casefold):
            found = [at for at, name in enumerate(self._names) if fold(name) == fold(column)]
            if self._named and len(found) == 1:
                return found[0]
        if not self._named and column.isdecimal() and int(column) < len(self._names):
            return int(column)
        raise LabelError(
            f"{self._table.path}: {option} is {column!r}, expected one column of "
            f"{self._listed(range(len(self._names)))}"
        )

    def mos(self, video: str | None) -> int:
        """The column that is called MOS, or a score; without names, the only one of numbers."""
        numbers = [at for at, numeric in enumerate(self._numeric) if numeric]
        if not self._named:
            if video is not None:
                numbers = [at for at in numbers if str(at) != video]
            elif len(numbers) == len(self._names) == 2:  # ids that are numbers come first
                numbers = numbers[1:]
            return self._only(numbers, numbers, "the MOS", "--mos")
        everything = range(len(self._names))
        # Without numbers in it, a column that is called so is still meant, and faulty.
        found = self._called_mos(numbers) or self._called_mos(everything)
        return self._only(found, everything, "the MOS", "--mos")

    def _called_mos(self, columns: Sequence[int]) -> list[int]:
        called = [at for at in columns if not self._has(at, _NOT_MOS)]
        opinion = [at for at in called if self._has(at, _MOS) or self._tokens(at) >= _WRITTEN_OUT]
        scores = [at for at in called if self._has(at, _SCORE) and at not in opinion]
        # mos is the MOS, beside mos_lab and mos_crowd.
        plain = [at for at in opinion if self._tokens(at) in (_MOS, _WRITTEN_OUT)]
        means = [at for at in called if self._has(at, _MEAN)]
        return sorted((plain or opinion) + scores) or means

    def video(self, mos: int) -> int:
        """The column that holds names of videos, or that is called so."""
        others = [at for at in range(len(self._names)) if at != mos]
        free = [at for at in others if not self._has(at, _NOT_VIDEO)]
        words = [at for at in others if not self._numeric[at]]
        ways = [
            [at for at in free if self._holds_files(at)],
            [at for at in free if self._tokens(at) == {"video"}],
            [at for at in free if self._has(at, _VIDEO)],
            [at for at in free if self._has(at, _NAME)],
            [at for at in words if self._is_unique(at)],
            [] if self._named else words or others,
        ]
        found = next((columns for columns in ways if columns), [])
        if len(found) > 1:  # of video_id and video_name, both unique, nobody knows which
            found = [at for at in found if self._is_unique(at)] or found
        return self._only(found, others, "the video", "--video")

    def show(self, position: int) -> str:
        """A column by its name, or position, with its first value."""
        name = repr(self._names[position]) if self._named else str(position)
        value = next(self._table.column(position, self._rows), "")
        return f"{name} ({value[:30]})"

    def _only(
        self, found: Sequence[int], all_columns: Sequence[int], what: str, option: str
    ) -> int:
        if len(found) == 1:
            return found[0]
        if found:
            reason = f"several may be {what}: {self._listed(found)}"
        elif self._named:
            reason = f"none is called as {what} would be: {self._listed(all_columns)}"
        else:
            reason = f"none can be {what}: {self._listed(range(len(self._names)))}"
        kind = "COLUMN" if self._named else "POSITION, from 0,"
        raise LabelError(
            f"{self._table.path}: of its columns, {reason}. {option} {kind} says which"
        )

    def _listed(self, positions: Sequence[int]) -> str:
        return join_first([self.show(at) for at in positions], _MOST_SHOWN)

    def _tokens(self, position: int) -> set[str]:
        return _tokens(self._names[position])

    def _has(self, position: int, words: set[str]) -> bool:
        return bool(self._tokens(position) & words)

    def _is_unique(self, position: int) -> bool:
        cells = list(self._table.column(position, self._rows))
        return len(set(cells)) == len(self._rows) and all(cells)

    def _holds_files(self, position: int) -> bool:
        """Whether most rows have the name of a video file there."""
        files = [has_video_ending(cell) for cell in self._table.column(position, self._rows)]
        return 2 * sum(files) > len(self._rows)
