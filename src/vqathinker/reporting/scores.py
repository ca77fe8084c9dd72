"""Tables of scores: one row for each run on each benchmark, and weighted averages.

Source of the averages: docs/method.md, section 6 ("Overall": weighted by the number of videos).
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from vqathinker.errors import InputError, read_json
from vqathinker.policy.answer import STATUSES
from vqathinker.products import METRICS
from vqathinker.reporting.formats import BOUNDS, COUNTS, FILES, MEASURES, Row, Table
from vqathinker.reporting.published import ACCURACY, METHOD, read_published_accuracy

SCORING = ("run", "benchmark", "domain", "score", *COUNTS, *MEASURES, *BOUNDS)
COLUMNS = {
    "scoring": SCORING,
    "overall": ("run", "domain", "benchmarks", *COUNTS, "benchmarks_scored", "n_scored", *MEASURES),
    "scores": ("run", "benchmark", "score", "n_scored", "distinct", *MEASURES, "spread_error"),
    "answers": ("run", "benchmark", "answers", *STATUSES),
    "measures": ("run", "benchmark", "measure", "value", "low", "high", "published", "reason"),
    "not_scored": ("run", "benchmark", "video", "reason"),
}
_NEEDED = (*SCORING[: -len(BOUNDS)], "not_scored", "by_score", "answers", "samples")


def read_metrics(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """The metrics in these JSON files, in their order, each with its path under `FILES`.

    Raises:
        InputError: two files are of the same run and benchmark, or one lacks a key.
    """
    results: dict[tuple[str, str], dict[str, Any]] = {}
    for path in paths:
        result = read_json(path, *METRICS)
        if lacking := [name for name in _NEEDED if name not in result]:
            raise InputError(f"{path}: no {', '.join(lacking)}; expected {METRICS}")
        pair = result["run"], result["benchmark"]
        if pair in results:
            raise InputError(f"{path}: a second metrics file of {pair}; expected one of each")
        results[pair] = {**result, FILES: [path]}
    return list(results.values())


def score_tables(results: Sequence[Row]) -> list[Table]:
    """Tables of these metrics: `scoring`, `overall`, `scores`, `answers`, `measures`, `not_scored`.

    `scores` has every kind of score that was kept, `answers` how greedy and drawn answers could be
    read, `measures` every further measure with its interval, `not_scored` every video without a
    score. Rows keep the order of `results`. A correlation that is not defined is None.
    """
    rows: dict[str, tuple[str, Sequence[Row]]] = {
        "scoring": ("Scores", [_with_bounds(one) for one in results]),
        "overall": ("Averages over benchmarks", average(results)),
        "scores": ("Kinds of score", _rows(results, _by_score)),
        "answers": ("How answers could be read", _rows(results, _answers)),
        "measures": ("Further measures", _rows(results, _measures)),
        "not_scored": ("", _rows(results, _not_scored)),
    }
    keys = {"scoring": 2, "overall": 2}
    return [
        Table(name, title, COLUMNS[name], COLUMNS[name][: keys.get(name, 3)], own,
              csv_only=name == "not_scored")
        for name, (title, own) in rows.items()
    ]  # fmt: skip


def _rows(results: Sequence[Row], of: Callable[[Row], Iterator[Row]]) -> list[Row]:
    return [row for result in results for row in of(result)]


def _with_bounds(result: Row) -> Row:
    found = result.get("measures", {})
    bounds = {f"{m}_{end}": found.get(m, {}).get(end) for m in MEASURES for end in ("low", "high")}
    return {**result, **bounds}


def _keys(result: Row) -> Row:
    return {name: result[name] for name in ("run", "benchmark", FILES)}


def _measures(result: Row) -> Iterator[Row]:
    """Every measure but the two of the other tables; accuracies with the published ones."""
    published = {
        (row.task, row.part): row.percent / 100
        for row in read_published_accuracy()
        if row.method == METHOD
    }
    for name, found in result.get("measures", {}).items():
        if name not in MEASURES:
            theirs = published.get((name, result["benchmark"]))
            files = [*result[FILES], *([] if theirs is None else [ACCURACY])]
            values = {key: found[key] for key in ("value", "low", "high", "reason")}
            yield {**_keys(result), FILES: files, "measure": name, "published": theirs, **values}


def _by_score(result: Row) -> Iterator[Row]:
    for kind, found in result["by_score"].items():
        yield {**_keys(result), "score": kind, **found}


def _answers(result: Row) -> Iterator[Row]:
    for kind, counts in (("greedy", result["answers"]), ("drawn", result["samples"])):
        if counts:
            yield {**_keys(result), "answers": kind, **counts}


def _not_scored(result: Row) -> Iterator[Row]:
    for video, reason in result["not_scored"].items():
        yield {**_keys(result), "video": video, "reason": reason}


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
            FILES: [path for row in rows for path in row[FILES]],
            **{name: sum(row[name] for row in rows) for name in COUNTS},
            "benchmarks_scored": len(scored := [row for row in rows if _is_scored(row)]),
            "n_scored": sum(_with_score(row) for row in scored),
            **{name: _weighted(scored, name) for name in MEASURES},
        }
        for (run, domain), rows in groups.items()
    ]


def _is_scored(row: Row) -> bool:
    return all(row[name] is not None for name in MEASURES)


def _with_score(row: Row) -> int:
    return int(row["n"] - row["n_missing"] - row["n_damaged"] - row["n_null"])


def _weighted(rows: Sequence[Row], name: str) -> float | None:
    if not rows:
        return None
    videos = sum(row["n"] for row in rows)
    return float(sum(row[name] * row["n"] for row in rows) / videos)
