"""Readers of label files with MOS, one per format.

Sources: the files named in the cards (the authors' JSON, DOVER's txt, the wide csv of LIVE-YT-HFR,
the two files of MaxWell). A reader yields each row as text with its location; `labels` validates
ids and numbers.
"""

import codecs
import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from vqathinker.content import document_in
from vqathinker.datasets.card import LabelError, LabelFile
from vqathinker.errors import InputError, reading

# Columns that both files of MaxWell share, with their positions in the file of names.
_MAXWELL_SHARED = {"T-all": 1, "A-all": 2, "O": 3}
_MAXWELL_TOLERANCE = 1e-6


class Row(NamedTuple):
    """One label as text: location for messages, name of the video, and MOS or None."""

    place: str
    video: str
    mos: str | None


def read_label_text(path: Path) -> str:
    """Read a text file in UTF-8, or in UTF-16 with a byte order mark (Excel's "Unicode text").

    Raises:
        LabelError: the file is missing or is not text (a web page, a workbook, a Git LFS pointer).
    """
    try:
        with reading(path, "a list of labels in UTF-8", "download or export it again"):
            content, found = path.read_bytes(), document_in(path)
            if found is None or found.is_text:
                marks = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
                return content.decode("utf-16" if content.startswith(marks) else "utf-8-sig")
    except InputError as error:
        raise LabelError(str(error)) from None
    raise LabelError(f"{path}: is {found.instead_of('a list of labels')}")


def read_table(path: Path) -> pd.DataFrame:
    """Read a delimited table. Cells are stripped text; the index holds line numbers.

    The separator is the first of tab, semicolon and comma that occurs in the first line. With tabs
    or semicolons, commas in numbers are decimal points.

    Raises:
        LabelError: a row has more cells than the first, a quotation mark is not closed, the file is
            empty, or see `read_label_text`.
    """
    text = read_label_text(path).lstrip("\r\n")
    first_line = text.partition("\n")[0]
    separator = next((mark for mark in "\t;" if mark in first_line), ",")
    try:
        table = pd.read_csv(
            StringIO(text),
            sep=separator,
            header=None,
            dtype=str,
            keep_default_na=False,
            skipinitialspace=True,
            skip_blank_lines=False,  # so that the index counts lines of the file
        )
    except pd.errors.EmptyDataError:
        raise LabelError(f"{path}: no rows; expected one per video") from None
    except pd.errors.ParserError as error:
        hint = "put names that contain the separator in quotation marks"
        raise LabelError(f"{path}: {str(error).strip()}; {hint}") from None
    table.index += 1
    table = table.apply(lambda column: column.str.strip())
    if separator != ",":
        table = table.replace(r"^([+-]?\d*),(\d+)$", r"\1.\2", regex=True)
    return table[(table != "").any(axis=1)]


def read_csv(path: Path, label: LabelFile) -> Iterator[Row]:
    """Yield the rows of a table with a header."""
    yield from _named_rows(read_table(path), path, "line", label)


def read_wide(path: Path, label: LabelFile) -> Iterator[Row]:
    """Yield the columns of a table with one column per video; the first column names the rows."""
    table = read_table(path).T
    table.index += 1
    yield from _named_rows(table, path, "column", label)


def read_comma(path: Path, label: LabelFile) -> Iterator[Row]:
    """Yield the rows of a table without a header: `batch1/747.mp4, -1, -1, 67.75`."""
    table = read_table(path)
    video = _position(table, label.columns.video, path)
    mos = _position(table, label.columns.mos, path)
    for line, name, value in zip(table.index, table[video], table[mos], strict=True):
        yield Row(f"{path}, line {line}", name, value)


def read_annotations(path: Path, label: LabelFile) -> Iterator[Row]:
    """Yield the entries of the authors' JSON: {"annotations": [{"image_id": …, "score": "…"}]}."""
    try:
        content = json.loads(read_label_text(path))
    except json.JSONDecodeError as error:
        raise LabelError(f"{path}: is not JSON ({error})") from None
    entries = content.get("annotations") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise LabelError(f"{path}: has no list `annotations`")
    video, mos = str(label.columns.video), str(label.columns.mos)
    for number, entry in enumerate(entries, 1):
        place = f"{path}, annotation {number}"
        if not isinstance(entry, dict) or video not in entry or mos not in entry:
            raise LabelError(f"{place}: is {entry!r}, expected a mapping with {video} and {mos}")
        yield Row(place, str(entry[video]), str(entry[mos]))


def read_maxwell(path: Path, label: LabelFile) -> Iterator[Row]:
    """Yield MaxWell's MOS, combined with the video names from the second file.

    Both files have the same order, which is verified with the columns that they share.
    """
    names_path = path.with_name(label.names or "")
    table, names = read_table(path), read_table(names_path)
    mos, values = _named_column(table, str(label.columns.mos), path), table.iloc[1:]
    if len(values) != len(names):
        raise LabelError(f"{path}: {len(values)} rows, but {names_path} has {len(names)} names")
    for column, position in _MAXWELL_SHARED.items():
        cells = values[_named_column(table, column, path)]
        others = names[_position(names, position, names_path)]
        one, other = (pd.to_numeric(each, errors="coerce") for each in (cells, others))
        differs = ~np.isclose(one.array, other.array, rtol=0, atol=_MAXWELL_TOLERANCE)
        if differs.any():
            line, found = cells.index[differs][0], cells[differs].iloc[0]
            raise LabelError(f"{path}, line {line}: {column} is {found}, unlike in {names_path}")
    videos = names[_position(names, label.columns.video, names_path)]
    for line, name, value in zip(values.index, videos, values[mos], strict=True):
        yield Row(f"{path}, line {line}", name, value)


def _named_rows(table: pd.DataFrame, path: Path, kind: str, label: LabelFile) -> Iterator[Row]:
    video = _named_column(table, str(label.columns.video), path)
    mos = _named_column(table, str(label.columns.mos), path)
    body = table.iloc[1:]
    for line, name, value in zip(body.index, body[video], body[mos], strict=True):
        yield Row(f"{path}, {kind} {line}", name, value)


def _named_column(table: pd.DataFrame, name: str, path: Path) -> int:
    """Position of the column whose first cell is `name`."""
    names = table.iloc[0] if len(table) else pd.Series(dtype=str)
    found = names.index[names == name]
    if len(found) != 1:
        known = ", ".join(names)[:500]
        raise LabelError(f"{path}: {len(found)} columns named {name!r}, expected 1 of {known}")
    return int(found[0])


def _position(table: pd.DataFrame, column: str | int, path: Path) -> int:
    if column not in table.columns:
        raise LabelError(f"{path}: no column {column!r}; has {len(table.columns)}, counted from 0")
    return int(column)
