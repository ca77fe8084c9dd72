"""Tables of scores: one row for each run on each benchmark, and weighted averages.

Source of the averages: docs/method.md, section 6 ("Overall": weighted by the number of videos).
"""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vqathinker.errors import InputError, read_json, reading
from vqathinker.policy.answer import STATUSES
from vqathinker.products import METRICS, TABLE
from vqathinker.reporting.published import METHOD, read_published_accuracy
from vqathinker.reporting.tables.formats import (
    latex,
    markdown_rows,
    plain_grid,
    write_csv,
    write_text,
)

__all__ = [
    "ANSWERS",
    "BY_SCORE",
    "FURTHER",
    "NOT_SCORED",
    "NUMBERS",
    "OVERALL",
    "SCORING",
    "average",
    "read_metrics",
    "read_table",
    "write_scoring",
]

_COUNTS = ("n", "n_missing", "n_damaged", "n_null")
_MEASURES = ("srcc", "plcc")
_BOUNDS = tuple(f"{name}_{end}" for name in _MEASURES for end in ("low", "high"))
SCORING = ("run", "benchmark", "domain", "score", *_COUNTS, *_MEASURES, *_BOUNDS)
_SCORED = ("benchmarks_scored", "n_scored")
OVERALL = ("run", "domain", "benchmarks", *_COUNTS, *_SCORED, *_MEASURES)
BY_SCORE = ("run", "benchmark", "score", "n_scored", "distinct", *_MEASURES, "spread_error")
ANSWERS = ("run", "benchmark", "answers", *STATUSES)
FURTHER = ("run", "benchmark", "measure", "value", "low", "high", "published", "reason")
NOT_SCORED = ("run", "benchmark", "video", "reason")
_REAL = frozenset((*_MEASURES, *_BOUNDS, "spread_error", "value", "low", "high", "published"))
NUMBERS = _REAL | {*_COUNTS, *STATUSES, "benchmarks", *_SCORED, "distinct"}
_FROM_MEASURES = frozenset(_BOUNDS)
_NEEDED = ("not_scored", "by_score", "answers", "samples")
_DECIMALS = 6


Row = Mapping[str, Any]


def write_scoring(results: Sequence[Row], out_dir: Path) -> None:
    """Write `scoring`, `overall`, `scores`, `answers`, `measures` and `not_scored.csv`.

    `scores` has every kind of score that was kept, `answers` how greedy and drawn answers could be
    read, `measures` every further measure with its interval. All but the last are there as csv, md
    and tex. Rows keep the order of `results`, which are metrics. A correlation that is not defined
    is an empty cell; the CSV has six decimals, the others three. `not_scored.csv` names every video
    without a score.
    """
    tables: dict[str, tuple[str, Sequence[str], Sequence[Row]]] = {
        "scoring": ("Scores", SCORING, [_with_bounds(result) for result in results]),
        "overall": ("Averages over benchmarks", OVERALL, average(results)),
        "scores": ("Kinds of score", BY_SCORE, _rows(results, _by_score)),
        "answers": ("How answers could be read", ANSWERS, _rows(results, _answers)),
        "measures": ("Further measures", FURTHER, _rows(results, _measures)),
    }
    for name, (title, columns, rows) in tables.items():
        write_csv(out_dir / f"{name}.csv", columns, rows, _DECIMALS)
        write_text(out_dir / f"{name}.md", markdown_rows(columns, rows, NUMBERS))
        write_text(out_dir / f"{name}.tex", latex([plain_grid(title, columns, rows, NUMBERS)]))
    lacking = [
        {"run": result["run"], "benchmark": result["benchmark"], "video": video, "reason": reason}
        for result in results
        for video, reason in result["not_scored"].items()
    ]
    write_csv(out_dir / "not_scored.csv", NOT_SCORED, lacking, _DECIMALS)


def _rows(results: Sequence[Row], of: Callable[[Row], Iterator[Row]]) -> list[Row]:
    return [row for result in results for row in of(result)]


def _with_bounds(result: Row) -> Row:
    found = result.get("measures", {})
    bounds = {f"{m}_{end}": found.get(m, {}).get(end) for m in _MEASURES for end in ("low", "high")}
    return {**result, **bounds}


def _measures(result: Row) -> Iterator[Row]:
    """Every measure but the two of the other tables; accuracies beside the published ones."""
    published = {
        (row.task, row.part): row.percent / 100
        for row in read_published_accuracy()
        if row.method == METHOD
    }
    for name, found in result.get("measures", {}).items():
        if name not in _MEASURES:
            yield {
                "run": result["run"],
                "benchmark": result["benchmark"],
                "measure": name,
                "published": published.get((name, result["benchmark"])),
                **{key: found[key] for key in ("value", "low", "high", "reason")},
            }


def _by_score(result: Row) -> Iterator[Row]:
    for kind, found in result["by_score"].items():
        yield {"run": result["run"], "benchmark": result["benchmark"], "score": kind, **found}


def _answers(result: Row) -> Iterator[Row]:
    for kind, counts in (("greedy", result["answers"]), ("drawn", result["samples"])):
        if counts:
            yield {
                "run": result["run"],
                "benchmark": result["benchmark"],
                "answers": kind,
                **counts,
            }


def average(results: Sequence[Row]) -> list[dict[str, Any]]:
    """One row for each run and domain: counts summed, correlations weighted by `n`.

    `n` counts all rows of a label file, so that the weights are the same for every run.
    Correlations are those of benchmarks that have them; `benchmarks_scored` of `benchmarks` says of
    how many, `n_scored` of `n` of how many videos with a score. None where no benchmark has them.
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    for result in results:
        groups.setdefault((result["run"], result["domain"]), []).append(result)
    return [
        {
            "run": run,
            "domain": domain,
            "benchmarks": len(rows),
            **{name: sum(row[name] for row in rows) for name in _COUNTS},
            "benchmarks_scored": len(scored := [row for row in rows if _is_scored(row)]),
            "n_scored": sum(_with_score(row) for row in scored),
            **{name: _weighted(scored, name) for name in _MEASURES},
        }
        for (run, domain), rows in groups.items()
    ]


def _is_scored(row: Row) -> bool:
    return all(row[name] is not None for name in _MEASURES)


def _with_score(row: Row) -> int:
    return int(row["n"] - row["n_missing"] - row["n_damaged"] - row["n_null"])


def read_table(path: Path, columns: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of a table that `write_scoring` wrote: counts as int, correlations float or None.

    Raises:
        InputError: the table is not there, cannot be read or lacks one of the `columns`.
    """
    with reading(path, *TABLE), path.open(encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        lacking = [name for name in columns if name not in (table.fieldnames or ())]
        if not lacking:
            return [{name: _value(name, row[name]) for name in columns} for row in table]
    raise InputError(f"{path}: has no column {', '.join(lacking)}; expected {TABLE}")


def _value(name: str, cell: str) -> str | int | float | None:
    if name in _REAL:
        return float(cell) if cell else None
    return int(cell) if name in NUMBERS else cell


def _weighted(rows: Sequence[Row], name: str) -> float | None:
    if not rows:
        return None
    videos = sum(row["n"] for row in rows)
    return float(sum(row[name] * row["n"] for row in rows) / videos)


def read_metrics(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """The metrics in these JSON files, in their order.

    Raises:
        InputError: two files are of the same run and benchmark, or one lacks a key.
    """
    results = [_read_one(path) for path in paths]
    pairs = [(result["run"], result["benchmark"]) for result in results]
    if twice := sorted({pair for pair in pairs if pairs.count(pair) > 1}):
        raise InputError(f"two metrics files of {twice}; give one for each run and benchmark")
    return results


def _read_one(path: Path) -> dict[str, Any]:
    result = read_json(path, *METRICS)
    needed = [name for name in (*SCORING, *_NEEDED) if name not in _FROM_MEASURES]
    if lacking := [name for name in needed if name not in result]:
        raise InputError(f"{path}: no {', '.join(lacking)}; expected {METRICS}")
    return result
