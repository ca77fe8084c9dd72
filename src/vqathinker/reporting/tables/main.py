"""The main table: our runs beside what is published, in-domain and out-of-distribution.

One line for each method on each benchmark, and for its averages over the benchmarks of a domain:
weighted by the number of videos, as published (docs/method.md, section 6), and with equal weights.
An average over fewer benchmarks than the domain has says over how many, and is not ranked.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from vqathinker.reporting.published import METHOD, PublishedRow
from vqathinker.reporting.tables.scale import TableScale

__all__ = ["AVERAGES", "MAIN", "MEASURES", "main_lines"]

Line = dict[str, Any]
Interval = tuple[float | None, float | None]
# Of a run's average over benchmarks: run, measure, benchmarks, weighted.
AverageInterval = Callable[[str, str, Sequence[str], bool], Interval]

MEASURES = ("srcc", "plcc")
AVERAGES = ("average", "average, equal weights")
_COUNTS = ("n", "n_missing", "n_damaged", "n_null")
_OF_MEASURE = (
    "{}", "{}_low", "{}_high", "{}_place", "published_{}", "{}_difference", "published_{}_inside",
)  # fmt: skip
MAIN = (
    "ours", "method", "training_data", "score", "domain", "benchmark", "benchmarks", *_COUNTS,
    *(name.format(measure) for measure in MEASURES for name in _OF_MEASURE),
    "how_sure", "ranked", "source", "reason",
)  # fmt: skip


def main_lines(
    scale: TableScale,
    published: Sequence[PublishedRow],
    results: Sequence[Mapping[str, Any]],
    average_interval: AverageInterval,
) -> list[Line]:
    """Every line of the main table, published ones first, with the keys of `MAIN`.

    `results` are metrics of our runs; `published` rows of other benchmarks are left out. `place` is
    1 for the best of its benchmark at three decimals and 2 for the second; what is equal shares its
    place. `published_*_inside` says whether the published value of VQAThinker, for an average over
    the same benchmarks, lies in our interval.
    """
    theirs = _published_lines(scale, published)
    target = {
        (line["benchmark"], measure): line[measure]
        for line in theirs
        if line["method"] == METHOD and line["benchmarks"] == 1
        for measure in MEASURES
    }
    ours = _our_lines(scale, results, average_interval)
    for line in ours:
        _compare(scale, line, target)
    _place(scale, [*theirs, *ours])
    return [{name: line[name] for name in MAIN} for line in (*theirs, *ours)]


def _published_lines(scale: TableScale, published: Sequence[PublishedRow]) -> list[Line]:
    methods: dict[tuple[str, str, str], dict[str, PublishedRow]] = {}
    for row in published:
        if row.benchmark in scale.domains:
            methods.setdefault(row.key, {})[row.benchmark] = row
    lines = []
    for rows in methods.values():
        own = [
            _line(
                scale, name, method=row.method, training_data=row.training_data, srcc=row.srcc,
                plcc=row.plcc, how_sure=row.how_sure, ranked=row.ranked, source=row.source,
                n=scale.counts[name], ours=False,
            )
            for name in scale.domains
            if name in rows and (row := rows[name])
        ]  # fmt: skip
        lines += [*own, *_averages(scale, own)]
    return lines


def _our_lines(
    scale: TableScale, results: Sequence[Mapping[str, Any]], interval: AverageInterval
) -> list[Line]:
    by_run: dict[tuple[str, str], list[Line]] = {}
    for result in results:
        for line in _lines_of(scale, result):
            by_run.setdefault((line["method"], line["score"]), []).append(line)
    lines = []
    for own in by_run.values():
        averages = list(_averages(scale, own))
        for line in averages:
            if not line["beside"]:
                _add_intervals(line, interval)
        lines += [*own, *averages]
    return lines


def _lines_of(scale: TableScale, result: Mapping[str, Any]) -> Iterator[Line]:
    """One line for the kind of score that counts, then one for each kind beside it."""
    trained = scale.runs.get(result["run"], {}).get("train", False)
    shared = {
        "method": result["run"],
        "training_data": scale.train_set if trained else None,
        "ours": True,
        "ranked": True,
        "absent": "absent" in result.get("provenance", {}),
        **{name: result[name] for name in _COUNTS},
    }
    name, score = result["benchmark"], result["score"]
    bounds = {
        f"{measure}_{bound}": result.get("measures", {}).get(measure, {}).get(bound)
        for measure in MEASURES
        for bound in ("low", "high")
    }
    own = {**shared, **bounds, "reason": result.get("reason")}
    correlations = {measure: result[measure] for measure in MEASURES}
    yield _line(scale, name, **own, **correlations, score=score, beside=False)
    for kind, found in result["by_score"].items():
        if kind != score:
            null = result["n"] - result["n_missing"] - result["n_damaged"] - found["n_scored"]
            other = {**shared, "n_null": null, "reason": found["reason"]}
            correlations = {measure: found[measure] for measure in MEASURES}
            yield _line(scale, name, **other, **correlations, score=kind, beside=True)


def _line(scale: TableScale, benchmark: str, **known: Any) -> Line:
    nothing = dict.fromkeys(MAIN)
    place = {"benchmark": benchmark, "domain": scale.domains[benchmark], "benchmarks": 1}
    return {**nothing, **place, "over": [benchmark], "absent": False, **known}


def _averages(scale: TableScale, lines: Sequence[Line]) -> Iterator[Line]:
    """Averages over the benchmarks of each domain that are there; none where no one is."""
    for domain in dict.fromkeys(scale.domains.values()):
        there = [line for line in lines if line["domain"] == domain and not line["absent"]]
        if not there:
            continue
        names = [line["benchmark"] for line in there]
        lacking = [name for name in scale.benchmarks(domain) if name not in names]
        reasons = [line["reason"] for line in there if line["srcc"] is None and line["reason"]]
        if lacking:
            reasons.append(f"without {', '.join(lacking)}")
        sure = " and ".join(dict.fromkeys(line["how_sure"] for line in there if line["how_sure"]))
        shared = {
            **there[0], "how_sure": sure or None, "domain": domain,
            "benchmarks": len(there), "over": names,
            "reason": "; ".join(reasons) or None, **_sums(there),
            **dict.fromkeys(f"{name}_{end}" for name in MEASURES for end in ("low", "high")),
        }  # fmt: skip
        for average in AVERAGES:
            weights = [1 if average == AVERAGES[1] else line["n"] for line in there]
            means = {name: _mean([line[name] for line in there], weights) for name in MEASURES}
            yield {**shared, **means, "benchmark": average}


def _sums(lines: Sequence[Line]) -> dict[str, int | None]:
    """Counts over several benchmarks; None for published rows, whose failures are not known."""
    known = {name: [line[name] for line in lines if line[name] is not None] for name in _COUNTS}
    return {name: sum(counts) if counts else None for name, counts in known.items()}


def _mean(values: Sequence[float | None], weights: Sequence[int]) -> float | None:
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    return sum(v * w for v, w in zip(known, weights, strict=True)) / sum(weights)


def _add_intervals(line: Line, interval: AverageInterval) -> None:
    for measure in MEASURES:
        weighted = line["benchmark"] == AVERAGES[0]
        low, high = interval(line["method"], measure, line["over"], weighted)
        line |= {f"{measure}_low": low, f"{measure}_high": high}


def _compare(scale: TableScale, line: Line, target: Mapping[tuple[str, str], float]) -> None:
    """Add the published value, the difference to it, and whether it lies in our interval."""
    over = line["over"]
    equal = line["benchmark"] == AVERAGES[1]
    weights = [1 if equal else scale.counts.get(name, 1) for name in over]
    for measure in MEASURES:
        value, low, high = (line[f"{measure}{end}"] for end in ("", "_low", "_high"))
        theirs = _mean([target.get((name, measure)) for name in over], weights)
        line[f"published_{measure}"] = theirs
        if theirs is None or value is None:
            continue
        line[f"{measure}_difference"] = value - theirs
        if low is not None and high is not None:
            line[f"published_{measure}_inside"] = low <= theirs <= high


def _place(scale: TableScale, lines: Sequence[Line]) -> None:
    """Mark the best and the second of each benchmark and of each average over all of a domain."""
    columns: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        of = len(scale.benchmarks(line["domain"])) if line["benchmark"] in AVERAGES else 1
        if line["ranked"] and line["benchmarks"] == of:
            columns.setdefault((line["domain"], line["benchmark"]), []).append(line)
    for rows in columns.values():
        for measure in MEASURES:
            shown = {round(line[measure], 3) for line in rows if line[measure] is not None}
            best = sorted(shown, reverse=True)[:2]
            for line in rows:
                value = None if line[measure] is None else round(line[measure], 3)
                if value in best:
                    line[f"{measure}_place"] = best.index(value) + 1
