"""Tables of scores: one row for each run on each benchmark, and weighted averages.

Source of the averages: docs/method.md, section 6 ("Overall": weighted by the number of videos).
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vqathinker.atomic import whole_file
from vqathinker.errors import InputError, read_json, reading
from vqathinker.policy.answer import STATUSES
from vqathinker.products import METRICS, TABLE
from vqathinker.reporting.provenance import Sources

__all__ = [
    "ANSWERS",
    "BY_SCORE",
    "KEYS",
    "NOT_SCORED",
    "NUMBERS",
    "OVERALL",
    "SCORING",
    "average",
    "format_cell",
    "read_table",
    "write_tables",
]

_COUNTS = ("n", "n_missing", "n_damaged", "n_null")
_MEASURES = ("srcc", "plcc")
SCORING = ("run", "benchmark", "domain", "score", *_COUNTS, *_MEASURES)
OVERALL = ("run", "domain", "benchmarks", *_COUNTS, *_MEASURES)
BY_SCORE = ("run", "benchmark", "score", "n_scored", "distinct", *_MEASURES, "spread_error")
ANSWERS = ("run", "benchmark", "answers", *STATUSES)
_REAL = frozenset((*_MEASURES, "spread_error"))
NUMBERS = _REAL | {*_COUNTS, *STATUSES, "benchmarks", "n_scored", "distinct"}
_NEEDED = ("not_scored", "by_score", "answers", "samples")
NOT_SCORED = ("run", "benchmark", "video", "reason")
# Columns that name a row of each table.
KEYS = {
    "scoring": ("run", "benchmark"),
    "overall": ("run", "domain"),
    "scores": ("run", "benchmark", "score"),
    "answers": ("run", "benchmark", "answers"),
    "not_scored": ("run", "benchmark", "video"),
}


Row = Mapping[str, Any]


def write_tables(metrics: Sequence[Path], out_dir: Path) -> None:
    """Write `scoring`, `overall`, `scores`, `answers` (csv and md each) and `not_scored.csv`.

    `scores` has every kind of score that was kept, `answers` how greedy and drawn answers could be
    read. Rows keep the order of `metrics`, which are JSON files. A correlation that is not defined
    is an empty cell; the CSV has six decimals, the Markdown three. `not_scored.csv` names every
    video without a score. Beside each CSV its provenance: see `reporting.provenance`.

    Raises:
        InputError: two files are of the same run and benchmark, or one lacks a column.
    """
    results = [_read_metrics(path) for path in metrics]
    pairs = [(result["run"], result["benchmark"]) for result in results]
    if twice := sorted({pair for pair in pairs if pairs.count(pair) > 1}):
        raise InputError(f"two metrics files of {twice}; give one for each run and benchmark")
    averages = average(results)
    out_dir.mkdir(parents=True, exist_ok=True)
    sources = Sources()
    tables: dict[str, tuple[Sequence[str], Sequence[Row]]] = {
        "scoring": (SCORING, results),
        "overall": (OVERALL, averages),
        "scores": (BY_SCORE, [row for result in results for row in _by_score(result)]),
        "answers": (ANSWERS, [row for result in results for row in _answers(result)]),
    }
    for name, (columns, rows) in tables.items():
        _write_csv(out_dir / f"{name}.csv", columns, rows)
        with whole_file(out_dir / f"{name}.md") as part:
            part.write_text(_markdown(columns, rows), encoding="utf-8")
    lacking = [
        {"run": result["run"], "benchmark": result["benchmark"], "video": video, "reason": reason}
        for result in results
        for video, reason in result["not_scored"].items()
    ]
    _write_csv(out_dir / "not_scored.csv", NOT_SCORED, lacking)
    rows_of = {name: rows for name, (_, rows) in tables.items()} | {"not_scored": lacking}
    files = list(zip(results, metrics, strict=True))
    for name, key in KEYS.items():
        pairs = [(row, _files_of(row, files)) for row in rows_of[name]]
        sources.write(out_dir / f"{name}.csv", key, pairs)


def _files_of(row: Row, files: Iterable[tuple[Row, Path]]) -> list[Path]:
    """The metrics of a row's run, on its benchmark, or on all of its domain."""
    wanted = {name: row[name] for name in ("run", "benchmark", "domain") if name in row}
    return [path for result, path in files if wanted == {name: result[name] for name in wanted}]


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

    `n` counts all rows of a label file, so that the weights are the same for every run. A
    correlation that one benchmark lacks is None in the average too: an average over fewer
    benchmarks would look like one over all.
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
            **{name: _weighted(rows, name) for name in _MEASURES},
        }
        for (run, domain), rows in groups.items()
    ]


def read_table(path: Path, columns: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of a table that `write_tables` wrote: counts as int, correlations float or None.

    Raises:
        InputError: the table is not there, cannot be read or lacks one of the `columns`.
    """
    with reading(path, *TABLE), path.open(encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        lacking = [name for name in columns if name not in (table.fieldnames or ())]
        if not lacking:
            return [{name: _value(name, row[name]) for name in columns} for row in table]
    raise InputError(f"{path}: has no column {', '.join(lacking)}; expected {TABLE}")


def format_cell(value: Any) -> str:
    """A cell for reading: three decimals, a dash where nothing is defined.

    >>> format_cell(0.85512), format_cell(12), format_cell(None), format_cell("demo")
    ('0.855', '12', '–', 'demo')
    """
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _value(name: str, cell: str) -> str | int | float | None:
    if name in _REAL:
        return float(cell) if cell else None
    return int(cell) if name in NUMBERS else cell


def _weighted(rows: Sequence[Row], name: str) -> float | None:
    if any(row[name] is None for row in rows):
        return None
    videos = sum(row["n"] for row in rows)
    return float(sum(row[name] * row["n"] for row in rows) / videos)


def _read_metrics(path: Path) -> dict[str, Any]:
    result = read_json(path, *METRICS)
    if lacking := [name for name in (*SCORING, *_NEEDED) if name not in result]:
        raise InputError(f"{path}: no {', '.join(lacking)}; expected {METRICS}")
    return result


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> None:
    with whole_file(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_cell(row[name]) for name in columns] for row in rows)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6f}" if isinstance(value, float) else str(value)


def _markdown(columns: Sequence[str], rows: Iterable[Row]) -> str:
    rule = ["---:" if name in NUMBERS else "---" for name in columns]
    lines = [columns, rule, *([format_cell(row[name]) for name in columns] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
