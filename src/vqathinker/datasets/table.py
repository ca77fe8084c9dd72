"""A table in a text file, with whatever stands between its columns.

The one way in which label files are looked at, by the readers and by `vqathinker data new`: blanks
around cells, empty lines and empty cells at the ends of lines do not count. csv.Sniffer looks at
letters alone and takes 3,1 for two cells; here whole rows and their numbers decide.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from itertools import takewhile
from pathlib import Path
from statistics import mode

from vqathinker.datasets.card import LabelError
from vqathinker.datasets.label_text import read_label_text
from vqathinker.datasets.numbers import has_thousands_marks, parse_number

__all__ = ["Table", "TableRow", "read_table"]

# Where several fit equally well, the first: what stands beside semicolons or tabs is a decimal
# comma, and blanks stand in names.
_DELIMITERS = {"\t": "tabs", ";": "semicolons", "|": "bars", ",": "commas", " ": "blanks"}
_INVISIBLE = "\ufeff\u200b\u2060"  # what copying from pages and files leaves
_EXCEL_HINT = "sep="


@dataclass(frozen=True)
class TableRow:
    """A row: number of the line in which it ends, and its cells."""

    line: int
    cells: tuple[str, ...]

    @property
    def width(self) -> int:
        """Number of its cells, without empty ones at its end."""
        return max(number for number, cell in enumerate(self.cells, 1) if cell)


@dataclass(frozen=True)
class Table:
    """Rows of a file, empty ones left out.

    Args:
        path: of the file.
        delimiter: what stands between columns.
        rows: in the file's order.
        comments: lines left out before them, see `_comments_above`.
    """

    path: Path
    delimiter: str
    rows: tuple[TableRow, ...]
    comments: int = 0

    @property
    def between(self) -> str:
        """What stands between columns, in words."""
        return _DELIMITERS.get(self.delimiter, repr(self.delimiter))

    @property
    def decimal_comma(self) -> bool:
        """Whether 3,1 is a number in it."""
        return self.delimiter != ","

    def number(self, cell: str) -> float | None:
        """The number that a cell is, or None."""
        return parse_number(cell, decimal_comma=self.decimal_comma)

    def place(self, row: TableRow) -> str:
        """File and line, for messages."""
        return f"{self.path}, line {row.line}"

    def column(self, position: int, rows: Sequence[TableRow]) -> Iterator[str]:
        """Cells of a column, in those of the rows that reach so far."""
        return (row.cells[position] for row in rows if position < len(row.cells))


def read_table(path: Path) -> Table:
    """Read the table in a label file.

    Raises:
        LabelError: see `read_label_text`; it is JSON, or a quotation mark is not closed.
    """
    text = read_label_text(path)
    if re.match(r"\s*(\{|\[\s*[{\[])", text):
        raise LabelError(
            f"{path}: is JSON, not a table: write it as CSV, a line for each video; or, if it has "
            "a list 'annotations' as the authors' files, in a card, reader: annotations reads it"
        )
    hint = _excel_hint(text)
    tables = [_parse(path, text, delimiter) for delimiter in (hint or _DELIMITERS)]
    best = max(tables, key=_fit)  # the first of equals
    _require_closed_quotes(best, text)
    return best


def _excel_hint(text: str) -> str | None:
    """The delimiter, where a first line of its own names it, as Excel writes: sep=;"""
    first = text.partition("\n")[0].strip("\r\"' ").lower()
    named = first.removeprefix(_EXCEL_HINT)
    return named if named != first and len(named) == 1 else None


def _parse(path: Path, text: str, delimiter: str) -> Table:
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    rows = []
    try:
        for cells in reader:
            kept = tuple(cell.strip().strip(_INVISIBLE).strip() for cell in cells)
            is_hint = reader.line_num == 1 and _excel_hint(text) is not None
            if any(kept) and not is_hint:
                rows.append(TableRow(reader.line_num, kept))
    except csv.Error:  # a cell longer than 128 kB
        raise LabelError(
            f"{path}: a cell that ends in line {reader.line_num} goes on and on; is a quotation "
            "mark not closed?"
        ) from None
    comments = _comments_above(rows)
    return Table(path, delimiter, tuple(rows[comments:]), comments)


def _comments_above(rows: Sequence[TableRow]) -> int:
    """Lines at the beginning that begin with # and have not as many cells as rows have."""
    usual = mode(row.width for row in rows) if rows else 0
    above = takewhile(lambda row: row.cells[0].startswith("#") and row.width != usual, rows)
    return sum(1 for _ in above)


def _fit(table: Table) -> tuple[bool, bool, float]:
    """How well a delimiter fits: whether there are columns, one of numbers, rows of one width."""
    if not table.rows:
        return False, False, 0.0
    width = table.rows[0].width
    if width == 1:  # a title above the table
        width = mode(row.width for row in table.rows)
    body = table.rows[1:] or table.rows
    even = [row for row in body if len(row.cells) >= width >= row.width]
    numbers = any(
        all(_is_meant_as_number(table, row.cells[position]) for row in even)
        for position in range(width)
    )
    return width > 1, bool(even) and numbers, len(even) / len(body)


def _is_meant_as_number(table: Table, cell: str) -> bool:
    """Marks of thousands are refused later, in words; here 1.234,5 is one cell and not two."""
    return table.number(cell) is not None or has_thousands_marks(cell)


def _require_closed_quotes(table: Table, text: str) -> None:
    """A quotation mark that is never closed makes one cell of many rows, which would be lost."""
    lines = StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=table.delimiter, skipinitialspace=True, strict=True)
    begin = 1
    try:
        for _ in reader:
            begin = reader.line_num + 1
    except csv.Error:
        if reader.line_num > begin:
            raise LabelError(
                f"{table.path}, line {begin}: a quotation mark is not closed before line "
                f"{reader.line_num}"
            ) from None
