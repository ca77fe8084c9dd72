"""The ladder of runs: every row beside the method, with the difference and how sure it is.

Differences are of the same videos, by paired bootstrap; of several seeds the mean is compared, and
seeds are drawn as videos are. Holm's correction is over all differences of one measure.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vqathinker.evaluation.intervals import average_over_sets, generator_of
from vqathinker.evaluation.significance import Seeds, compare, holm, over_seeds
from vqathinker.reporting.tables.agreement import Agreements
from vqathinker.reporting.tables.main import AVERAGES, MEASURES
from vqathinker.reporting.tables.rows import LadderRow
from vqathinker.reporting.tables.scale import TableScale

if TYPE_CHECKING:
    from vqathinker.evaluation.estimates import Resampled

__all__ = ["LADDER", "ladder_lines"]

Line = dict[str, Any]

LADDER = (
    "group", "row", "differs", "seeds", "domain", "benchmark", "benchmarks", "measure",
    "n", "value", "low", "high", "spread",
    "n_compared", "difference", "difference_low", "difference_high", "p", "p_holm", "reason",
)  # fmt: skip


def ladder_lines(
    scale: TableScale, rows: Sequence[LadderRow], agreements: Agreements
) -> list[Line]:
    """A line for each row, measure and benchmark or weighted average, with the keys of `LADDER`.

    `value` is the mean over seeds on the `n` videos that all of them scored, `spread` the standard
    deviation of the seeds. `difference` is the row's value less the method's on the `n_compared`
    videos that both scored, with its 95 % interval, `p` and `p_holm`. What is not defined is None,
    with a `reason`.
    """
    method = next((row for row in rows if row.group == "method"), None)
    lines = [
        line
        for row in rows
        for measure in MEASURES
        for line in _lines_of(scale, row, method, measure, agreements)
    ]
    for measure in MEASURES:
        own = [line for line in lines if line["measure"] == measure]
        for line, p in zip(own, holm([line["p"] for line in own]), strict=True):
            line["p_holm"] = p
    return lines


def _lines_of(
    scale: TableScale,
    row: LadderRow,
    method: LadderRow | None,
    measure: str,
    agreements: Agreements,
) -> Iterator[Line]:
    shared = {
        **dict.fromkeys(LADDER),
        "group": row.group, "row": row.name, "differs": row.differs, "seeds": len(row.runs),
        "measure": measure,
    }  # fmt: skip
    for domain in dict.fromkeys(scale.domains.values()):
        there = [name for name in scale.benchmarks(domain) if _is_there(agreements, row, name)]
        places = [(name, [name]) for name in there]
        for benchmark, names in [*places, *([(AVERAGES[0], there)] if there else [])]:
            where = {"domain": domain, "benchmark": benchmark, "benchmarks": len(names)}
            own = _seeds(scale, row, names, measure, agreements, beside=())
            yield {
                **shared, **where, **_value(own, agreements.params.confidence),
                **_difference(scale, row, method, names, measure, agreements),
            }  # fmt: skip


def _is_there(agreements: Agreements, row: LadderRow, benchmark: str) -> bool:
    return all((run, benchmark) in agreements.scores for run in row.runs)


def _seeds(
    scale: TableScale,
    row: LadderRow,
    benchmarks: Sequence[str],
    measure: str,
    agreements: Agreements,
    *,
    beside: Sequence[str],
) -> Seeds:
    """Mean over the row's seeds, of one benchmark or averaged over several.

    Over the videos that the runs `beside` have scored, too.
    """
    of_run: list[list[Resampled]] = [[] for _ in row.runs]
    for name in benchmarks:
        found = agreements.of([*row.runs, *beside], name) or []
        for own, agreement in zip(of_run, found, strict=False):
            own.append(getattr(agreement, measure))
    if len(benchmarks) > 1:
        # Weights are those of the label files, so that they are the same for every row.
        weights = [scale.counts[name] for name in benchmarks]
        means = [average_over_sets(own, weights) for own in of_run]
    else:
        means = [own[0] for own in of_run]
    return over_seeds(means, generator_of(agreements.params.seed, f"seeds of {row.name}"))


def _value(own: Seeds, confidence: float) -> Mapping[str, Any]:
    estimate = own.mean.estimate(confidence)
    return {
        "n": own.mean.n, "value": estimate.value, "low": estimate.low, "high": estimate.high,
        "spread": own.spread, "reason": estimate.reason,
    }  # fmt: skip


def _difference(
    scale: TableScale,
    row: LadderRow,
    method: LadderRow | None,
    benchmarks: Sequence[str],
    measure: str,
    agreements: Agreements,
) -> Mapping[str, Any]:
    if row is method:
        return {}
    if method is None:
        return {"reason": f"no run {scale.method} to compare with"}
    if not all(_is_there(agreements, method, name) for name in benchmarks):
        return {"reason": f"{method.name} has no scores there"}
    first = _seeds(scale, row, benchmarks, measure, agreements, beside=method.runs).mean
    second = _seeds(scale, method, benchmarks, measure, agreements, beside=row.runs).mean
    found = compare(first, second, agreements.params.confidence)
    why = {"reason": found.reason} if found.reason else {}
    return {
        "n_compared": first.n, "difference": found.difference, "difference_low": found.low,
        "difference_high": found.high, "p": found.p, **why,
    }  # fmt: skip
