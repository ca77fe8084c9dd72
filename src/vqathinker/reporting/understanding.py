"""Tables of quality understanding: distortion attribution, and questions on quality.

`attribution` has the tasks that ask which degradation is the worst, `understanding` all others; a
row for each run, task, measure and part. A task without a value has a row with the reason.
"""

import csv
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from vqathinker.errors import InputError, read_json, reading
from vqathinker.params import TaskParams, UnderstandingParams
from vqathinker.products import METRICS, TABLE, UNDERSTANDING
from vqathinker.reporting.tables.formats import (
    latex,
    markdown_rows,
    plain_grid,
    write_csv,
    write_text,
)

__all__ = ["COLUMNS", "read_attribution", "write_understanding"]

COLUMNS = ("run", "task", "reading", "measure", "part", "name", "n", "n_failed", "value", "low",
           "high", "chance", "majority", "published", "reason")  # fmt: skip
_ATTRIBUTION = ("made", "finevd")
_REAL = ("value", "low", "high", "chance", "majority", "published")
_NUMBERS = ("n", "n_failed", *_REAL)
_DECIMALS = 9

Row = Mapping[str, Any]


def write_understanding(
    params: UnderstandingParams, metrics: Sequence[Path], measures: Sequence[Path], out_dir: Path
) -> None:
    """Write `attribution` and `understanding`, csv, md and tex each.

    Every task of `params` has rows for every run that `metrics` are of: those of `measures`, JSON
    files too, or an empty one with the reason. `published` is what others print for the authors'
    weights.

    Raises:
        InputError: two files are of the same run and task, or one is none.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for path in measures:
        told = read_json(path, *UNDERSTANDING)
        if lacking := [key for key in ("run", "task", "reading", "rows") if key not in told]:
            raise InputError(f"{path}: has no {', '.join(lacking)}; expected {UNDERSTANDING}")
        if found.setdefault((told["run"], told["task"]), told) is not told:
            raise InputError(f"{path}: a file before it is of the same run and task; give one each")
    runs = dict.fromkeys([read_json(path, *METRICS)["run"] for path in metrics])
    published = _published()
    tables: dict[str, list[Row]] = {"attribution": [], "understanding": []}
    for run in runs:
        for name, task in params.tasks.items():
            table = tables["attribution" if task.kind in _ATTRIBUTION else "understanding"]
            told = found.get((run, name), {"rows": [_absent(task)]})
            head = {"run": run, "task": name, "reading": told.get("reading")}
            for row in told["rows"]:
                known = published.get((task.kind, row["measure"], row["part"], row["name"]))
                table.append({**row, **head, "published": known})
    for name, rows in tables.items():
        whole = [{column: row.get(column) for column in COLUMNS} for row in rows]
        write_csv(out_dir / f"{name}.csv", COLUMNS, whole, _DECIMALS)
        write_text(out_dir / f"{name}.md", markdown_rows(COLUMNS, whole, _NUMBERS))
        write_text(
            out_dir / f"{name}.tex", latex([plain_grid(name.title(), COLUMNS, whole, _NUMBERS)])
        )


def read_attribution(path: Path) -> list[dict[str, str]]:
    """The row of all questions of each run and task, as texts; none where the table is not there.

    Raises:
        InputError: it cannot be read, or lacks a column.
    """
    if not path.is_file():
        return []
    shown = ("run", "task", "n", "n_failed", "value", "low", "high", "chance", "majority")
    with reading(path, *TABLE), path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["part"] == "overall" and row["value"]]
        return [{name: _short(name, row[name]) for name in shown} for row in rows]


def _short(name: str, cell: str) -> str:
    return f"{float(cell):.3f}" if name in _REAL and cell else cell or "–"


def _absent(task: TaskParams) -> Row:
    return {
        "measure": "accuracy", "part": "overall", "name": "",
        "reason": f"not asked: {task.set}, or what the run is trained on, is not there; "
        f"`vqathinker data status` says what you do, `vqathinker data fetch {task.set}` brings it",
    }  # fmt: skip


def _published() -> dict[tuple[str, str, str, str], float]:
    text = files("vqathinker.reporting").joinpath("published_understanding.csv").read_text("utf-8")
    return {
        (row["kind"], row["measure"], row["part"], row["name"]): float(row["value"])
        for row in csv.DictReader(text.splitlines())
    }
