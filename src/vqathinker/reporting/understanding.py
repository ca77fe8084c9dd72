"""Tables of quality understanding: distortion attribution, and questions on quality.

`attribution` has the tasks that ask which degradation is the worst, `understanding` all others; a
row for each run, task, measure and part. A task without a value has a row with the reason.
"""

import csv
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from vqathinker.atomic import whole_file
from vqathinker.errors import InputError, read_json
from vqathinker.params import TaskParams, UnderstandingParams
from vqathinker.products import UNDERSTANDING

__all__ = ["COLUMNS", "write_understanding"]

COLUMNS = ("run", "task", "reading", "measure", "part", "name", "n", "n_failed", "value", "low",
           "high", "chance", "majority", "published", "reason")  # fmt: skip
_ATTRIBUTION = ("made", "finevd")
_REAL = ("value", "low", "high", "chance", "majority", "published")

Row = Mapping[str, Any]


def write_understanding(
    params: UnderstandingParams, runs: Sequence[str], measures: Sequence[Path], out_dir: Path
) -> None:
    """Write `attribution` and `understanding`, csv (full precision) and md (three decimals) each.

    Every task of `params` has rows for every run: those of `measures`, JSON files, or an empty one
    with the reason. `published` is what others print for the authors' weights.

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
        cells = [[row.get(column) for column in COLUMNS] for row in rows]
        with whole_file(out_dir / f"{name}.csv") as part, part.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([COLUMNS, *cells])
        with whole_file(out_dir / f"{name}.md") as part:
            part.write_text(_markdown(rows), encoding="utf-8")


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


def _markdown(rows: Sequence[Row]) -> str:
    lines = [COLUMNS, ["---:" if name in _REAL else "---" for name in COLUMNS]]
    lines += [[_short(row.get(name)) for name in COLUMNS] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _short(value: Any) -> str:
    text = (
        "–" if value in {None, ""} else f"{value:.3f}" if isinstance(value, float) else str(value)
    )
    return text.replace("|", "\\|")
