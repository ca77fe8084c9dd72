"""The main table and the ladder read back from their CSV, as lines of values."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vqathinker.errors import InputError, reading
from vqathinker.products import TABLE

__all__ = ["read_lines"]

_WORDS = frozenset(
    ("method", "training_data", "score", "domain", "benchmark", "how_sure", "source", "reason",
     "group", "row", "differs", "measure")
)  # fmt: skip
_WHOLE = frozenset(
    ("benchmarks", "seeds", "n", "n_missing", "n_damaged", "n_null", "n_compared", "srcc_place",
     "plcc_place")
)  # fmt: skip
_ANSWERS = frozenset(("ours", "ranked", "published_srcc_inside", "published_plcc_inside"))


def read_lines(path: Path, columns: Sequence[str]) -> list[dict[str, Any]]:
    """The lines of `main.csv` or `ladder.csv`; None where nothing stands.

    Raises:
        InputError: the table is not there, cannot be read or has other columns.
    """
    with reading(path, *TABLE), path.open(encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        if tuple(table.fieldnames or ()) != tuple(columns):
            raise InputError(f"{path}: has columns {table.fieldnames}; expected {TABLE}")
        return [{name: _value(name, row[name]) for name in columns} for row in table]


def _value(name: str, cell: str) -> str | int | float | bool | None:
    if not cell:
        return None
    if name in _WORDS:
        return cell
    if name in _ANSWERS:
        return {"yes": True, "no": False}[cell]
    return int(cell) if name in _WHOLE else float(cell)
