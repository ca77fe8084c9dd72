"""One reader for each shape in which label files come; none of them judges what it reads.

Sources: the files themselves, which the cards name (the authors' JSON, DOVER's txt, the wide csv of
LIVE-YT-HFR, the pair of files of MaxWell, the questions of FineVQ). A reader yields each row with
its place, and raises where the file has not the shape it should; `labels` checks ids and numbers.
"""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from vqathinker.datasets.card import LabelError, LabelFile
from vqathinker.datasets.label_text import read_label_text
from vqathinker.datasets.q_bench_video import read_q_bench
from vqathinker.datasets.questions import read_questions
from vqathinker.datasets.table import Table, TableRow, read_table

__all__ = ["Row", "read_rows"]

# Columns that both files of MaxWell have, and their positions beside the names.
_MAXWELL_SHARED = {"T-all": 1, "A-all": 2, "O": 3}
_MAXWELL_TOLERANCE = 1e-6


class Row(NamedTuple):
    """One label as it is written.

    Args:
        place: where it stands, in words.
        video: name or path of the video.
        mos: None where there is none.
        decimal_comma: whether a comma may stand for the point in `mos`.
    """

    place: str
    video: str
    mos: str | None
    decimal_comma: bool = False


def read_rows(path: Path, label: LabelFile) -> Iterator[Row]:
    """Every row of the label file at `path`, in its order.

    Raises:
        LabelError: the file is not there, is no text, or has not the shape that its reader expects.
    """
    yield from _READERS[label.reader](path, label)


def _read_annotations(path: Path, label: LabelFile) -> Iterator[Row]:
    """{"annotations": [{"image_id": ..., "score": "..."}]}: the authors' lists."""
    try:
        content = json.loads(read_label_text(path))
    except json.JSONDecodeError as error:
        place = f"{path}, line {error.lineno}"
        raise LabelError(f"{place}: no JSON from column {error.colno} on") from None
    entries = content.get("annotations") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise LabelError(f"{path}: no list 'annotations' in it")
    video, mos = str(label.columns.video), str(label.columns.mos)
    for number, entry in enumerate(entries, 1):
        place = f"{path}, annotation {number}"
        if not isinstance(entry, dict) or video not in entry or mos not in entry:
            raise LabelError(f"{place}: is {entry!r}, expected a mapping with {video} and {mos}")
        yield Row(place, str(entry[video]), str(entry[mos]))


def _read_csv(path: Path, label: LabelFile) -> Iterator[Row]:
    """A header, then a row for each video; columns by name, whatever stands between them."""
    table = read_table(path)
    video, mos = str(label.columns.video), str(label.columns.mos)
    for row, cells in _by_name(table, (video, mos)):
        yield Row(table.place(row), cells[video], cells[mos], table.decimal_comma)
    if len(table.rows) == 1:
        raise LabelError(f"{path}: no rows, expected one for each video below the line of names")


def _by_name(table: Table, wanted: Sequence[str]) -> Iterator[tuple[TableRow, dict[str, str]]]:
    """Each row below the line of names, with its cells in the wanted columns."""
    columns = table.rows[0].cells if table.rows else ()
    for name in wanted:
        if columns.count(name) > 1:
            raise LabelError(f"{table.path}: {columns.count(name)} columns are called {name!r}")
    if missing := [name for name in wanted if name not in columns]:
        found = ", ".join(columns) or "an empty file"
        raise LabelError(f"{table.path}: no column {' and '.join(missing)}, found {found}")
    for row in table.rows[1:]:
        place = table.place(row)
        if row.width > len(columns):
            named = len(columns)
            raise LabelError(
                f"{place}: {row.width} values, but the first line names {named}; what holds "
                f"{table.between} itself stands in quotation marks"
            )
        yield row, {name: _require_cell(row, columns.index(name), name, place) for name in wanted}


def _require_cell(row: TableRow, position: int, column: str, place: str) -> str:
    if position >= len(row.cells):
        raise LabelError(f"{place}: {column} is missing, the line ends before it")
    return row.cells[position]


def _read_comma(path: Path, label: LabelFile) -> Iterator[Row]:
    """No header; values by position: `batch1/747.mp4, -1, -1, 67.75`."""
    table = read_table(path)
    for row in _even_rows(table):
        place = table.place(row)
        video = row.cells[_position(label.columns.video, row, place)]
        mos = row.cells[_position(label.columns.mos, row, place)]
        yield Row(place, video, mos, table.decimal_comma)


def _even_rows(table: Table) -> Iterator[TableRow]:
    """Rows as wide as the first one."""
    first = table.rows[0] if table.rows else None
    for row in table.rows:
        if first and (row.width > len(first.cells) or len(row.cells) < first.width):
            width = len(row.cells)
            raise LabelError(f"{table.place(row)}: {width} values, expected {first.width} as above")
        yield row


def _position(column: str | int, row: TableRow, place: str) -> int:
    width = len(row.cells)
    if not isinstance(column, int) or not 0 <= column < width:
        raise LabelError(f"{place}: no column {column!r} among {width} values, counted from 0")
    return column


def _read_wide(path: Path, label: LabelFile) -> Iterator[Row]:
    """A column for each video, a row for each kind of value; the first cell names the row."""
    table = read_table(path)
    kinds = {row.cells[0]: row.cells[1 : row.width] for row in table.rows}
    wanted = [str(label.columns.video), str(label.columns.mos)]
    if missing := [name for name in wanted if name not in kinds]:
        raise LabelError(f"{path}: no row {' and '.join(missing)}, found {', '.join(kinds)}")
    videos, mos = (kinds[name] for name in wanted)
    if len(videos) != len(mos):
        raise LabelError(f"{path}: {len(videos)} videos but {len(mos)} values of {wanted[1]}")
    for number, (video, value) in enumerate(zip(videos, mos, strict=True), 2):
        yield Row(f"{path}, column {number}", video, value, table.decimal_comma)


def _read_maxwell(path: Path, label: LabelFile) -> Iterator[Row]:
    """Values without names, and names in the same order beside them; values of both must agree."""
    beside = read_table(path.with_name(label.names or ""))
    names = list(_even_rows(beside))
    table, mos = read_table(path), str(label.columns.mos)
    values = list(_by_name(table, [*_MAXWELL_SHARED, mos]))
    if len(values) != len(names):
        raise LabelError(f"{path}: {len(values)} rows, but {label.names} names {len(names)} videos")
    for (row, cells), name in zip(values, names, strict=True):
        for column, position in _MAXWELL_SHARED.items():
            there = name.cells[_position(position, name, beside.place(name))]
            if not _agree(table.number(cells[column]), beside.number(there)):
                raise LabelError(
                    f"{table.place(row)}: {column} is {cells[column]}, but {there} in "
                    f"{beside.place(name)}"
                )
        video = name.cells[_position(label.columns.video, name, beside.place(name))]
        yield Row(table.place(row), video, cells[mos], table.decimal_comma)


def _agree(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return False
    return math.isclose(one, other, rel_tol=0, abs_tol=_MAXWELL_TOLERANCE)


def _read_finevd(path: Path, _label: LabelFile) -> Iterator[Row]:
    for question in read_questions(path):
        yield Row(question.place, question.video, None)


def _read_q_bench(path: Path, label: LabelFile) -> Iterator[Row]:
    """Every video that the questions of the file, and of the one beside it, are about, once."""
    beside = [path.with_name(label.names)] if label.names else []
    places = {
        video: question.place
        for file in [path, *beside]
        for question in read_q_bench(file)
        for video in question.videos
    }
    for video, place in places.items():
        yield Row(place, video, None)


_READERS: dict[str, Callable[[Path, LabelFile], Iterator[Row]]] = {
    "annotations": _read_annotations,
    "csv": _read_csv,
    "comma": _read_comma,
    "wide": _read_wide,
    "maxwell": _read_maxwell,
    "finevd": _read_finevd,
    "q_bench_video": _read_q_bench,
}
