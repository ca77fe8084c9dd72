"""One reader for each shape in which label files come; none of them judges what it reads.

Sources: the files themselves, which the cards name (the authors' JSON, DOVER's txt, the wide csv of
LIVE-YT-HFR, the pair of files of MaxWell, the questions of FineVQ). A reader yields each row with
its place, and raises where the file has not the shape it should; `labels` checks ids and numbers.
"""

import csv
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from vqathinker.datasets.card import LabelError, LabelFile
from vqathinker.datasets.questions import read_questions

__all__ = ["Row", "read_rows"]

# Columns that both files of MaxWell have, and their positions beside the names.
_MAXWELL_SHARED = {"T-all": 1, "A-all": 2, "O": 3}
_MAXWELL_TOLERANCE = 1e-6


class Row(NamedTuple):
    """One label as it is written: its place in words, the video, the MOS (None: there is none)."""

    place: str
    video: str
    mos: str | None


def read_rows(path: Path, label: LabelFile) -> Iterator[Row]:
    """Every row of the label file at `path`, in its order.

    Raises:
        LabelError: the file is not there, not UTF-8, or has not the shape that its reader expects.
    """
    try:
        yield from _READERS[label.reader](path, label)
    except FileNotFoundError as error:
        raise LabelError(f"{error.filename}: no label file") from error
    except UnicodeDecodeError as error:
        raise LabelError(f"{path}: byte {error.start} is no UTF-8 text") from error
    except csv.Error as error:
        raise LabelError(f"{path}: no text of values between commas ({error})") from error


def _read_annotations(path: Path, label: LabelFile) -> Iterator[Row]:
    """{"annotations": [{"image_id": ..., "score": "..."}]}: the authors' lists."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise LabelError(f"{path}, line {error.lineno}: no JSON ({error.msg})") from error
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
    """A header, then a row for each video; columns by name."""
    video, mos = str(label.columns.video), str(label.columns.mos)
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        columns = rows.fieldnames or []
        if missing := [name for name in (video, mos) if name not in columns]:
            found = ", ".join(columns) or "an empty file"
            raise LabelError(f"{path}: no column {' and '.join(missing)}, found {found}")
        for row in rows:
            place = f"{path}, line {rows.line_num}"
            if None in row:
                more = len(columns) + len(row[None])
                raise LabelError(f"{place}: {more} values, but the first line names {len(columns)}")
            name = _require_cell(row[video], video, place)
            yield Row(place, name, _require_cell(row[mos], mos, place))


def _require_cell(text: str | None, column: str, place: str) -> str:
    if text is None:
        raise LabelError(f"{place}: {column} is missing, the line ends before it")
    return text


def _read_comma(path: Path, label: LabelFile) -> Iterator[Row]:
    """No header; values between commas, by position: `batch1/747.mp4, -1, -1, 67.75`."""
    for place, cells in _read_cells(path):
        video = cells[_position(label.columns.video, cells, place)]
        yield Row(place, video, cells[_position(label.columns.mos, cells, place)])


def _read_cells(path: Path) -> Iterator[tuple[str, list[str]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, skipinitialspace=True)
        width = 0
        for cells in rows:
            place = f"{path}, line {rows.line_num}"
            if not cells:
                continue  # an empty line, as csv's own reader of named columns sees it
            width = width or len(cells)
            if len(cells) != width:
                raise LabelError(f"{place}: {len(cells)} values, expected {width} as above")
            yield place, cells


def _position(column: str | int, cells: list[str], place: str) -> int:
    if not isinstance(column, int) or not 0 <= column < len(cells):
        raise LabelError(f"{place}: no column {column!r} among {len(cells)} values, counted from 0")
    return column


def _read_wide(path: Path, label: LabelFile) -> Iterator[Row]:
    """A column for each video, a row for each kind of value; the first cell names the row."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        table = {cells[0]: cells[1:] for cells in csv.reader(file) if cells}
    wanted = [str(label.columns.video), str(label.columns.mos)]
    if missing := [name for name in wanted if name not in table]:
        raise LabelError(f"{path}: no row {' and '.join(missing)}, found {', '.join(table)}")
    videos, mos = (table[name] for name in wanted)
    if len(videos) != len(mos):
        raise LabelError(f"{path}: {len(videos)} videos but {len(mos)} values of {wanted[1]}")
    for number, (video, value) in enumerate(zip(videos, mos, strict=True), 2):
        yield Row(f"{path}, column {number}", video, value)


def _read_maxwell(path: Path, label: LabelFile) -> Iterator[Row]:
    """Values without names, and names in the same order beside them; values of both must agree."""
    names = list(_read_cells(path.with_name(label.names or "")))
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        if missing := [name for name in _MAXWELL_SHARED if name not in (rows.fieldnames or [])]:
            raise LabelError(f"{path}: no column {' and '.join(missing)}")
        values = [(f"{path}, line {rows.line_num}", row) for row in rows]
    if len(values) != len(names):
        raise LabelError(f"{path}: {len(values)} rows, but {label.names} names {len(names)} videos")
    for (place, row), (beside, cells) in zip(values, names, strict=True):
        for column, position in _MAXWELL_SHARED.items():
            here = _require_cell(row[column], column, place)
            there = cells[_position(position, cells, beside)]
            if not _agree(here, there):
                raise LabelError(f"{place}: {column} is {here}, but {there} in {beside}")
        mos = str(label.columns.mos)
        name = cells[_position(label.columns.video, cells, beside)]
        yield Row(place, name, _require_cell(row[mos], mos, place))


def _agree(one: str, other: str) -> bool:
    try:
        return math.isclose(float(one), float(other), rel_tol=0, abs_tol=_MAXWELL_TOLERANCE)
    except ValueError:
        return False


def _read_finevd(path: Path, _label: LabelFile) -> Iterator[Row]:
    for question in read_questions(path):
        yield Row(question.place, question.video, None)


_READERS: dict[str, Callable[[Path, LabelFile], Iterator[Row]]] = {
    "annotations": _read_annotations,
    "csv": _read_csv,
    "comma": _read_comma,
    "wide": _read_wide,
    "maxwell": _read_maxwell,
    "finevd": _read_finevd,
}
