"""Tables of scores: a row for each run on each benchmark, and weighted averages.

Source of the averages: docs/method.md, section 6 ("Overall": weighted by the number of videos).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from vqathinker.policy.answer import STATUSES
from vqathinker.products import METRICS
from vqathinker.reporting.formats import BOUNDS, COUNTS, FILES, MEASURES, Row, Table, read_measured
from vqathinker.reporting.published import ACCURACY, read_published_accuracy

SCORING = ("run", "benchmark", "domain", "score", *COUNTS, *MEASURES, *BOUNDS)
COLUMNS = {
    "scoring": SCORING,
    "overall": ("run", "domain", "benchmarks", *COUNTS, "benchmarks_scored", "n_scored", *MEASURES),
    "scores": ("run", "benchmark", "score", "n_scored", "distinct", *MEASURES, "spread_error"),
    "answers": ("run", "benchmark", "answers", *STATUSES),
    "measures": ("run", "benchmark", "measure", "value", "low", "high", "published", "reason"),
    "not_scored": ("run", "benchmark", "video", "reason"),
}
_TITLES = {
    "scoring": "Scores", "overall": "Averages over benchmarks", "scores": "Kinds of score",
    "answers": "How answers could be read", "measures": "Further measures", "not_scored": "",
}  # fmt: skip
_NEEDED = (*SCORING[2 : -len(BOUNDS)], "not_scored", "by_score", "answers", "samples")


def read_metrics(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """The metrics in these JSON files, in their order, each with its path under `FILES`.

    Raises:
        InputError: two files are of the same run and benchmark, or one lacks a key.
    """
    return list(read_measured(paths, METRICS, ("run", "benchmark"), _NEEDED).values())


def score_tables(results: Sequence[Row]) -> list[Table]:
    """Tables of these metrics: `scoring`, `overall`, `scores`, `answers`, `measures`, `not_scored`.

    `scores` has every kind of score that was kept, `answers` how greedy and drawn answers could be
    read, `measures` every further measure with its interval, `not_scored` every video without a
    score. Rows keep the order of `results`. A correlation that is not defined is None.
    """
    rows: dict[str, list[Row]] = {name: [] for name in COLUMNS}
    rows["overall"] = list(average(results))
    for result in results:
        measures = result.get("measures", {})
        bounds = {name: measures.get(name[:4], {}).get(name[5:]) for name in BOUNDS}
        key = {name: result[name] for name in ("run", "benchmark", FILES)}
        rows["scoring"].append({**result, **bounds})
        rows["scores"] += [
            {**key, "score": kind, **own} for kind, own in result["by_score"].items()
        ]
        counted = {"greedy": result["answers"], "drawn": result["samples"]}
        rows["answers"] += [{**key, "answers": of, **own} for of, own in counted.items() if own]
        rows["measures"] += [{**key, **row} for row in _measures(result)]
        rows["not_scored"] += [
            {**key, "video": video, "reason": reason}
            for video, reason in result["not_scored"].items()
        ]
    return [
        Table(name, _TITLES[name], columns, columns[: 2 if name in ("scoring", "overall") else 3],
              rows[name], csv_only=name == "not_scored")
        for name, columns in COLUMNS.items()
    ]  # fmt: skip


def _measures(result: Row) -> Iterator[Row]:
    """Every measure except those of the other tables; accuracies with the published ones."""
    published = read_published_accuracy()
    for name, found in result.get("measures", {}).items():
        if name not in MEASURES:
            theirs = published.get((name, result["benchmark"]))
            files = [*result[FILES], *([] if theirs is None else [ACCURACY])]
            yield {**found, FILES: files, "measure": name, "published": theirs}


def average(results: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """A row for each run and domain: counts summed, correlations weighted by `n`.

    `n` counts all rows of a label file, so that the weights are the same for every run.
    Correlations are those of the benchmarks that have them: `benchmarks_scored` of `benchmarks`,
    with `n_scored` videos that have a score. They are None if no benchmark has them.
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    for result in results:
        groups.setdefault((result["run"], result["domain"]), []).append(result)
    for (run, domain), rows in groups.items():
        scored = [row for row in rows if all(row[name] is not None for name in MEASURES)]
        videos = sum(row["n"] for row in scored)
        yield {
            "run": run, "domain": domain, "benchmarks": len(rows),
            FILES: [path for row in rows for path in row[FILES]],
            **{name: sum(row[name] for row in rows) for name in COUNTS},
            "benchmarks_scored": len(scored),
            "n_scored": videos - sum(row[name] for row in scored for name in COUNTS[1:]),
            **{name: sum(row[name] * row["n"] for row in scored) / videos if scored else None
               for name in MEASURES},
        }  # fmt: skip
