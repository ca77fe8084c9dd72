"""Tables of scores, of temporal preference, and of quality understanding.

Source of the averages: docs/method.md, section 6 ("Overall": weighted by the number of videos).
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from vqathinker.evaluation.preference import ALL
from vqathinker.params import TaskParams, UnderstandingParams
from vqathinker.policy.answer import STATUSES
from vqathinker.products import METRICS, PREFERENCE, UNDERSTANDING
from vqathinker.reporting import published
from vqathinker.reporting.formats import (
    BOUNDS,
    COUNTS,
    FILES,
    MEASURES,
    Grid,
    Row,
    Table,
    format_cell,
    interval_text,
    plain_grid,
    read_measured,
)

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
PREFERENCE_COLUMNS = (
    "run", "benchmark", "score", "kind", "n", "n_null", "preference", "low", "high", "ties",
    "difference", "difference_low", "difference_high", "reason",
)  # fmt: skip
UNDERSTANDING_COLUMNS = (
    "run", "task", "reading", "measure", "part", "name", "n", "n_failed", "value", "low", "high",
    "chance", "majority", "published", "reason",
)  # fmt: skip
_NEEDED = (*SCORING[2 : -len(BOUNDS)], "not_scored", "by_score", "answers", "samples")
_PREFERENCE_TITLE = "Share of clips scored above their perturbed copies"
_ATTRIBUTION = ("made", "finevd")


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
    printed = published.read_published_accuracy()
    for name, found in result.get("measures", {}).items():
        if name not in MEASURES:
            theirs = printed.get((name, result["benchmark"]))
            files = [*result[FILES], *([] if theirs is None else [published.ACCURACY])]
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


def read_preference(paths: Sequence[Path]) -> list[Row]:
    """A row for each run, benchmark and kind of perturbation, with its file.

    Raises:
        InputError: a file is not what `preference` wrote, or two are of the same run and benchmark.
    """
    rows: list[Row] = []
    found = read_measured(paths, PREFERENCE, ("run", "benchmark"), ("score", "kinds"))
    for (run, benchmark), content in found.items():
        for kind, own in content["kinds"].items():
            share, difference = own["preference"], own["difference"]
            rows.append({
                "run": run, "benchmark": benchmark, "score": content["score"], "kind": kind,
                **{name: own[name] for name in ("n", "n_null", "ties")},
                "preference": share["value"],
                **{end: share[end] for end in ("low", "high", "reason")},
                "difference": difference["value"],
                **{f"difference_{end}": difference[end] for end in ("low", "high")},
                FILES: content[FILES],
            })  # fmt: skip
    return rows


def preference_table(rows: Sequence[Row]) -> Table:
    """The table `preference`: numbers as measured, None with a `reason` if undefined."""
    return Table(
        "preference",
        _PREFERENCE_TITLE,
        PREFERENCE_COLUMNS,
        PREFERENCE_COLUMNS[:4],
        rows,
        None,
        [preference_grid(rows)],
    )


def preference_grid(rows: Iterable[Row], title: str = _PREFERENCE_TITLE) -> Grid:
    """A row for each run on each benchmark, and a column for each kind."""
    lines: dict[tuple[str, str], dict[str, str]] = {}
    ties: dict[tuple[str, str], str] = {}
    for row in rows:
        pair = row["run"], row["benchmark"]
        lines.setdefault(pair, {"run": pair[0], "benchmark": pair[1]})[row["kind"]] = interval_text(
            row["preference"], row["low"], row["high"], 2
        )
        if row["kind"] == ALL:
            ties[pair] = format_cell(row["ties"], 2)
    shown = [{**line, "ties": ties.get(pair, "–")} for pair, line in lines.items()]
    return plain_grid(title, list(shown[0]) if shown else ["run", "benchmark"], shown, ())


def understanding_tables(
    params: UnderstandingParams, runs: Iterable[str], measures: Sequence[Path]
) -> list[Table]:
    """The tables `attribution` and `understanding`.

    Every task of `params` has rows for each of `runs`: those of `measures`, JSON files, or an empty
    one with the reason. `published` is what others print for the authors' weights.

    Raises:
        InputError: two files are of the same run and task, or one is not a file of measures.
    """
    found = read_measured(measures, UNDERSTANDING, ("run", "task"), ("reading", "rows"))
    printed = published.read_published_understanding()
    rows: dict[str, list[Row]] = {"attribution": [], "understanding": []}
    for run in runs:
        for name, task in params.tasks.items():
            content = found.get((run, name), {"rows": [_absent(task)], FILES: []})
            head = {"run": run, "task": name, "reading": content.get("reading")}
            for row in content["rows"]:
                theirs = printed.get((task.kind, row["measure"], row["part"], row["name"]))
                files = [*content[FILES], *([] if theirs is None else [published.UNDERSTANDING])]
                known = {
                    **dict.fromkeys(UNDERSTANDING_COLUMNS),
                    **row,
                    **head,
                    "published": theirs,
                    FILES: files,
                }
                rows["attribution" if task.kind in _ATTRIBUTION else "understanding"].append(known)
    return [
        Table(name, name.title(), UNDERSTANDING_COLUMNS, UNDERSTANDING_COLUMNS[:6], own, 9)
        for name, own in rows.items()
    ]


def _absent(task: TaskParams) -> Row:
    return {
        "measure": "accuracy", "part": "overall", "name": "",
        "reason": f"not asked: {task.set}, or what the run is trained on, is not there; "
        f"`vqathinker data status` says what you do, `vqathinker data fetch {task.set}` brings it",
    }  # fmt: skip
