"""Tables of scores, of temporal preference, and of quality understanding.

Source of the averages: docs/method.md, section 6 ("Overall": weighted by the number of videos).
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from vqathinker.evaluation.preference import ALL_KINDS
from vqathinker.params import TaskParams, UnderstandingParams
from vqathinker.policy.answer import STATUSES
from vqathinker.products import METRICS, PREFERENCE, UNDERSTANDING
from vqathinker.reporting import published
from vqathinker.reporting.formats import (
    COUNT_COLUMNS,
    FILES,
    INTERVAL_ENDS,
    MEASURES,
    Grid,
    Row,
    Table,
    format_cell,
    format_interval,
    plain_grid,
    read_results,
)

SCORING_COLUMNS = ("run", "benchmark", "domain", "score", *COUNT_COLUMNS, *MEASURES, *INTERVAL_ENDS)
SCORE_TABLES = {
    "scoring": SCORING_COLUMNS,
    "overall": (
        "run",
        "domain",
        "benchmarks",
        *COUNT_COLUMNS,
        "benchmarks_scored",
        "n_scored",
        *MEASURES,
    ),
    "scores": ("run", "benchmark", "score", "n_scored", "distinct", *MEASURES, "spread_error"),
    "answers": ("run", "benchmark", "answers", *STATUSES),
    "measures": ("run", "benchmark", "measure", "value", "low", "high", "published", "reason"),
    "not_scored": ("run", "benchmark", "video", "reason"),
}
_TITLES = {
    "scoring": "Scores", "overall": "Averages over benchmarks", "scores": "Kinds of score",
    "answers": "Answers by status", "measures": "Further measures", "not_scored": "",
}  # fmt: skip
PREFERENCE_COLUMNS = (
    "run", "benchmark", "score", "kind", "n", "n_no_score", "preference", "low", "high", "ties",
    "difference", "difference_low", "difference_high", "reason",
)  # fmt: skip
UNDERSTANDING_COLUMNS = (
    "run", "task", "answer_by", "measure", "part", "name", "n", "n_failed", "value", "low", "high",
    "chance", "majority", "published", "reason",
)  # fmt: skip
_DETAILS = ("not_scored", "by_score", "answers", "samples")
_REQUIRED = (*SCORING_COLUMNS[2 : -len(INTERVAL_ENDS)], *_DETAILS)
_PREFERENCE_TITLE = "Share of clips scored above their perturbed copies"
_ATTRIBUTION = ("made", "finevd")


def read_metrics(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """The metrics in these JSON files, in their order, each with its path under `FILES`.

    Raises:
        InputError: two files have the same run and benchmark, or one lacks a key.
    """
    return list(read_results(paths, METRICS, ("run", "benchmark"), _REQUIRED).values())


def score_tables(results: Sequence[Row]) -> list[Table]:
    """The tables `scoring`, `overall`, `scores`, `answers`, `measures` and `not_scored`.

    `scores` has every computed kind of score, `answers` counts greedy and sampled answers by
    status, `measures` has every other measure with its interval, and `not_scored` every video
    without a score. Rows have the order of `results`. Undefined correlations are None.
    """
    rows: dict[str, list[Row]] = {name: [] for name in SCORE_TABLES}
    rows["overall"] = list(average(results))
    published_values = published.read_published_accuracy()
    for result in results:
        measures = result.get("measures", {})
        bounds = {name: measures.get(name[:4], {}).get(name[5:]) for name in INTERVAL_ENDS}
        key = {name: result[name] for name in ("run", "benchmark", FILES)}
        rows["scoring"].append({**result, **bounds})
        rows["scores"] += [
            {**key, "score": kind, **own} for kind, own in result["by_score"].items()
        ]
        counted = {"greedy": result["answers"], "sampled": result["samples"]}
        rows["answers"] += [{**key, "answers": of, **own} for of, own in counted.items() if own]
        for name, own in measures.items():
            if name not in MEASURES:  # those are in the table `scoring`
                value = published_values.get((name, result["benchmark"]))
                files = [*result[FILES], *([] if value is None else [published.ACCURACY])]
                known = {"measure": name, "published": value, FILES: files}
                rows["measures"].append({**key, **own, **known})
        rows["not_scored"] += [
            {**key, "video": video, "reason": reason}
            for video, reason in result["not_scored"].items()
        ]
    return [
        Table(name, _TITLES[name], columns, columns[: 2 if name in ("scoring", "overall") else 3],
              rows[name], csv_only=name == "not_scored")
        for name, columns in SCORE_TABLES.items()
    ]  # fmt: skip


def average(results: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """A row for each run and domain: counts summed, correlations weighted by `n`.

    `n` counts all rows of a label file, so that the weights are the same for every run.
    Correlations are averaged over the benchmarks that have them: `benchmarks_scored` of
    `benchmarks`, with `n_scored` scored videos. They are None if no benchmark has them.
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
            **{name: sum(row[name] for row in rows) for name in COUNT_COLUMNS},
            "benchmarks_scored": len(scored),
            "n_scored": videos - sum(row[name] for row in scored for name in COUNT_COLUMNS[1:]),
            **{name: sum(row[name] * row["n"] for row in scored) / videos if scored else None
               for name in MEASURES},
        }  # fmt: skip


def read_preference(paths: Sequence[Path]) -> list[Row]:
    """A row for each run, benchmark and kind of perturbation, with its file.

    Raises:
        InputError: a file is not the output of `preference`, or two have the same run and
            benchmark.
    """
    rows: list[Row] = []
    found = read_results(paths, PREFERENCE, ("run", "benchmark"), ("score", "kinds"))
    for (run, benchmark), content in found.items():
        for kind, own in content["kinds"].items():
            share, difference = own["preference"], own["difference"]
            rows.append({
                "run": run, "benchmark": benchmark, "score": content["score"], "kind": kind,
                **{name: own[name] for name in ("n", "n_no_score", "ties")},
                "preference": share["value"],
                **{end: share[end] for end in ("low", "high", "reason")},
                "difference": difference["value"],
                **{f"difference_{end}": difference[end] for end in ("low", "high")},
                FILES: content[FILES],
            })  # fmt: skip
    return rows


def preference_table(rows: Sequence[Row]) -> Table:
    """The table `preference`; undefined numbers are None, with a `reason`."""
    columns, grids = PREFERENCE_COLUMNS, [preference_grid(rows)]
    return Table("preference", _PREFERENCE_TITLE, columns, columns[:4], rows, None, grids)


def preference_grid(rows: Iterable[Row], title: str = _PREFERENCE_TITLE) -> Grid:
    """A row for each run on each benchmark, and a column for each kind."""
    lines: dict[tuple[str, str], dict[str, str]] = {}
    ties: dict[tuple[str, str], str] = {}
    for row in rows:
        pair = row["run"], row["benchmark"]
        lines.setdefault(pair, {"run": pair[0], "benchmark": pair[1]})[row["kind"]] = (
            format_interval(row["preference"], row["low"], row["high"], 2)
        )
        if row["kind"] == ALL_KINDS:
            ties[pair] = format_cell(row["ties"], 2)
    table = [{**line, "ties": ties.get(pair, "–")} for pair, line in lines.items()]
    return plain_grid(title, list(table[0]) if table else ["run", "benchmark"], table)


def understanding_tables(
    params: UnderstandingParams, runs: Iterable[str], measures: Sequence[Path]
) -> list[Table]:
    """The tables `attribution` and `understanding`.

    Every task in `params` has rows for each of `runs`: those in `measures` (JSON files), or an
    empty one with the reason. `published` has published values of the authors' weights.

    Raises:
        InputError: two files have the same run and task, or one is not a file of measures.
    """
    found = read_results(measures, UNDERSTANDING, ("run", "task"), ("answer_by", "rows"))
    published_values = published.read_published_understanding()
    rows: dict[str, list[Row]] = {"attribution": [], "understanding": []}
    for run in runs:
        for name, task in params.tasks.items():
            content = found.get((run, name), {"rows": [_missing(task)], FILES: []})
            head = {"run": run, "task": name, "answer_by": content.get("answer_by")}
            for row in content["rows"]:
                value = published_values.get((task.kind, row["measure"], row["part"], row["name"]))
                files = [*content[FILES], *([] if value is None else [published.UNDERSTANDING])]
                known = {**dict.fromkeys(UNDERSTANDING_COLUMNS), **row, **head}
                table = "attribution" if task.kind in _ATTRIBUTION else "understanding"
                rows[table].append({**known, "published": value, FILES: files})
    return [
        Table(name, name.title(), UNDERSTANDING_COLUMNS, UNDERSTANDING_COLUMNS[:6], own, 9)
        for name, own in rows.items()
    ]


def _missing(task: TaskParams) -> Row:
    return {
        "measure": "accuracy", "part": "overall", "name": "",
        "reason": f"not asked: {task.set} or the run's training set is missing; follow "
        f"`vqathinker data status`, then run `vqathinker data fetch {task.set}`",
    }  # fmt: skip
