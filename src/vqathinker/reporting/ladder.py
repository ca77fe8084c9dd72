"""The ladder of runs: every row against the method, with the difference and its interval.

Differences are of the same videos, by paired bootstrap; of several seeds the mean is compared, and
seeds are drawn as videos are. Holm's correction is over all differences of one measure.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vqathinker.evaluation.agreement import contents_of
from vqathinker.evaluation.intervals import Agreement, average_over_sets, bootstrap, generator_of
from vqathinker.evaluation.significance import Seeds, compare, holm, over_seeds
from vqathinker.params import IntervalsParams
from vqathinker.reporting.formats import FILES, MEASURES, Cell, Column, Grid, format_cell
from vqathinker.reporting.main_table import AVERAGES, HEADINGS, interval_text, signed
from vqathinker.reporting.scale import LadderRow, TableScale

Line = dict[str, Any]

LADDER = (
    "group", "row", "differs", "seeds", "domain", "benchmark", "benchmarks", "measure",
    "n", "value", "low", "high", "spread",
    "n_compared", "difference", "difference_low", "difference_high", "p", "p_holm", "reason",
)  # fmt: skip
LADDER_KEY = ("group", "row", "differs", "domain", "benchmark", "measure")
# Title to the groups of rows that answer its question; the method stands above them.
_GRIDS = {
    "Ablation ladder": ("untrained", "ablation"),
    "Supervised fine-tuning against GRPO": ("untrained", "training"),
    "Backbones": ("backbone",),
    "Frames": ("frames",),
}
_VALUES = (
    "Averages are weighted by the number of videos, with the 95 % interval; of several seeds the "
    "mean ± the standard deviation of seeds."
)
_DIFFERENCES = (
    "difference: less {}, on the videos that both scored, with the 95 % interval of the paired "
    "bootstrap, resampled by content where a set has few, seeds drawn as well."
)
_HOLM = "Holm's p: corrected over all differences of one measure in ladder.csv."
_ASKED = {"Supervised fine-tuning against GRPO": "training"}  # no grid without such a row


@dataclass(eq=False)
class Agreements:
    """Resampled agreement of runs with benchmarks, kept once it is computed.

    `judged` are the scored videos by run and benchmark, with `score`, `mos` and `content`, in the
    order of the manifest, see `plot_data.read_judged`; `params` say how they are resampled.
    """

    judged: Mapping[tuple[str, str], pd.DataFrame]
    params: IntervalsParams
    _drawn: dict[tuple[str, frozenset[str]], dict[str, Agreement]] = field(default_factory=dict)

    @property
    def runs(self) -> list[str]:
        """Every run that has predictions."""
        return list(dict.fromkeys(run for run, _ in self.judged))

    def of(self, runs: Sequence[str], benchmark: str) -> list[Agreement] | None:
        """Agreement of each run over the videos of which all have a score.

        None where one of them has no predictions of the benchmark.
        """
        if any((run, benchmark) not in self.judged for run in runs):
            return None
        scored = (frozenset(self.judged[run, benchmark]["video"]) for run in runs)
        shared = frozenset[str].intersection(*scored)
        key = (benchmark, shared)
        if key not in self._drawn:
            self._drawn[key] = self._draw(benchmark, shared)
        return [self._drawn[key][run] for run in runs]

    def average_interval(
        self, run: str, measure: str, benchmarks: Sequence[str], weights: Sequence[int]
    ) -> tuple[float | None, float | None]:
        """Ends of the interval of a run's average over benchmarks, None where it has none."""
        found = [self.of([run], name) for name in benchmarks]
        if None in found:
            return None, None
        sets = [getattr(agreements[0], measure) for agreements in found if agreements]
        estimate = average_over_sets(sets, weights).estimate(self.params.confidence)
        return estimate.low, estimate.high

    def _draw(self, benchmark: str, shared: frozenset[str]) -> dict[str, Agreement]:
        """Resample every run that has a score of all these videos."""
        fitting = {
            run: own
            for (run, name), videos in self.judged.items()
            if name == benchmark and len(own := videos[videos["video"].isin(shared)]) == len(shared)
        }
        labels = next(iter(fitting.values()))
        found = bootstrap(
            np.stack([own["score"].to_numpy(dtype=float) for own in fitting.values()]),
            labels["mos"].to_numpy(dtype=float),
            contents_of(labels["content"].to_numpy()),
            generator=generator_of(self.params.seed, benchmark),
            resamples=self.params.resamples,
        )
        return dict(zip(fitting, found, strict=True))


def ladder_lines(
    scale: TableScale,
    rows: Sequence[LadderRow],
    agreements: Agreements,
    files: Mapping[tuple[str, str], Path],
) -> list[Line]:
    """A line for each row, measure and benchmark or weighted average.

    It has the keys of `LADDER`, and of its runs and those it is compared with the `files`, which
    are metrics by run and benchmark.

    `value` is the mean over seeds on the `n` videos that all of them scored, `spread` the standard
    deviation of the seeds. `difference` is the row's value less the method's on the `n_compared`
    videos that both scored, with its 95 % interval, `p` and `p_holm`. What is not defined is None,
    with a `reason`.
    """
    method = next((row for row in rows if row.group == "method"), None)
    ladder = _Ladder(scale, method, agreements, files)
    lines = [line for row in rows for measure in MEASURES for line in ladder.lines(row, measure)]
    for measure in MEASURES:
        own = [line for line in lines if line["measure"] == measure]
        for line, p in zip(own, holm([line["p"] for line in own]), strict=True):
            line["p_holm"] = p
    return lines


@dataclass(frozen=True)
class _Ladder:
    scale: TableScale
    method: LadderRow | None
    agreements: Agreements
    files: Mapping[tuple[str, str], Path]

    def lines(self, row: LadderRow, measure: str) -> Iterator[Line]:
        for domain in dict.fromkeys(self.scale.domains.values()):
            there = [name for name in self.scale.benchmarks(domain) if self._is_there(row, name)]
            places = [(name, [name]) for name in there]
            for benchmark, names in [*places, *([(AVERAGES[0], there)] if there else [])]:
                line = {
                    **dict.fromkeys(LADDER), "group": row.group, "row": row.name,
                    "differs": row.differs, "seeds": len(row.runs), "measure": measure,
                    "domain": domain, "benchmark": benchmark, "benchmarks": len(names),
                    **self._value(row, names, measure), **self._difference(row, names, measure),
                }  # fmt: skip
                compared = self.method.runs if self.method and line["n_compared"] else ()
                pairs = [(run, name) for run in (*row.runs, *compared) for name in names]
                yield {**line, FILES: [self.files[pair] for pair in pairs if pair in self.files]}

    def _is_there(self, row: LadderRow, benchmark: str) -> bool:
        return all((run, benchmark) in self.agreements.judged for run in row.runs)

    def _seeds(
        self, row: LadderRow, benchmarks: Sequence[str], measure: str, other: Sequence[str] = ()
    ) -> Seeds:
        """Mean over the row's seeds, of one benchmark or averaged over several.

        Over the videos that the runs `other` have scored, too.
        """
        found = [self.agreements.of([*row.runs, *other], name) or [] for name in benchmarks]
        of_run = [
            [getattr(agreements[seed], measure) for agreements in found]
            for seed in range(len(row.runs))
        ]
        # Weights are those of the label files, so that they are the same for every row.
        weights = [self.scale.counts[name] for name in benchmarks]
        means = [own[0] if len(own) == 1 else average_over_sets(own, weights) for own in of_run]
        generator = generator_of(self.agreements.params.seed, f"seeds of {row.name}")
        return over_seeds(means, generator)

    def _value(self, row: LadderRow, benchmarks: Sequence[str], measure: str) -> Line:
        own = self._seeds(row, benchmarks, measure)
        found = own.mean.estimate(self.agreements.params.confidence)
        return {"n": own.mean.n, "value": found.value, "low": found.low, "high": found.high,
                "spread": own.spread, "reason": found.reason}  # fmt: skip

    def _difference(self, row: LadderRow, benchmarks: Sequence[str], measure: str) -> Line:
        method = self.method
        if row is method:
            return {}
        if method is None:
            return {"reason": f"no run {self.scale.method} to compare with"}
        if not all(self._is_there(method, name) for name in benchmarks):
            return {"reason": f"{method.name} has no scores there"}
        first = self._seeds(row, benchmarks, measure, method.runs).mean
        second = self._seeds(method, benchmarks, measure, row.runs).mean
        found = compare(first, second, self.agreements.params.confidence)
        return {
            "n_compared": first.n, "difference": found.difference, "difference_low": found.low,
            "difference_high": found.high, "p": found.p,
            **({"reason": found.reason} if found.reason else {}),
        }  # fmt: skip


def ladder_grids(scale: TableScale, lines: Sequence[Line]) -> list[Grid]:
    """Grids of the lines that `ladder_lines` made; a question that no row answers has none."""
    there = {line["group"] for line in lines}
    grids = []
    for title, groups in _GRIDS.items():
        asked = {_ASKED[title]} if title in _ASKED else set(groups)
        if asked & there:
            own = [line for line in lines if line["group"] in ("method", *groups)]
            grids += [_averages(scale, title, own), _benchmarks(scale, title, own)]
    return grids


def _averages(scale: TableScale, title: str, lines: Sequence[Line]) -> Grid:
    domains = list(dict.fromkeys(line["domain"] for line in lines))
    columns = [Column(name, number=False) for name in ("row", "what differs")] + [Column("seeds")]
    columns += [
        Column(name, group=f"{domain} {HEADINGS[measure]}")
        for domain in domains
        for measure in MEASURES
        for name in ("average", "difference", "p", "Holm's p")
    ]
    blocks: dict[str, list[list[Cell]]] = {}
    for name, of in _by_row(lines).items():
        first = next(iter(of.values()))
        cells = [Cell(name), Cell(first["differs"]), Cell(format_cell(first["seeds"]))]
        for domain in domains:
            for measure in MEASURES:
                line = of.get((domain, AVERAGES[0], measure))
                cells += _average_cells(line, len(scale.benchmarks(domain)))
        blocks.setdefault(first["group"], []).append(cells)
    return Grid(f"{title}: averages", columns, list(blocks.values()), _notes(scale, lines))


def _average_cells(line: Line | None, total: int) -> list[Cell]:
    if line is None:
        return [Cell("–")] * 4
    value = _spread(line) or interval_text(line["value"], line["low"], line["high"])
    if line["benchmarks"] < total:
        value += f" ({line['benchmarks']} of {total})"
    texts = (value, _difference_text(line), _p(line["p"]), _p(line["p_holm"]))
    return [Cell(text) for text in texts]


def _benchmarks(scale: TableScale, title: str, lines: Sequence[Line]) -> Grid:
    there = {line["benchmark"] for line in lines}
    names = [name for name in scale.domains if name in there]
    columns = [Column("row", number=False), Column("", number=False)]
    columns += [Column(HEADINGS[m], group=name) for name in names for m in MEASURES]
    blocks = []
    for name, of in _by_row(lines).items():
        cells = [of.get((scale.domains[b], b, m)) for b in names for m in MEASURES]
        values = [Cell(_spread(line) or format_cell(line and line["value"])) for line in cells]
        rows = [[Cell(name), Cell("value"), *values]]
        if any(line is not None and line["difference"] is not None for line in cells):
            differences = [Cell("–" if line is None else _marked(line)) for line in cells]
            rows.append([Cell(name), Cell("difference"), *differences])
        blocks.append(rows)
    note = "A star: Holm's p below 0.05. Intervals of all differences are in ladder.csv."
    return Grid(f"{title}: benchmarks", columns, blocks, [note])


def _by_row(lines: Sequence[Line]) -> dict[str, dict[tuple[str, str, str], Line]]:
    rows: dict[str, dict[tuple[str, str, str], Line]] = {}
    for line in lines:
        rows.setdefault(line["row"], {})[line["domain"], line["benchmark"], line["measure"]] = line
    return rows


def _spread(line: Line | None) -> str | None:
    """Mean and standard deviation of several seeds."""
    if line is None or line["spread"] is None or line["value"] is None:
        return None
    return f"{format_cell(line['value'])} ± {format_cell(line['spread'])}"


def _difference_text(line: Line) -> str:
    if line["difference"] is None or line["difference_low"] is None:
        return signed(line["difference"])
    bounds = f"{signed(line['difference_low'])}, {signed(line['difference_high'])}"
    return f"{signed(line['difference'])} [{bounds}]"


def _marked(line: Line) -> str:
    star = "*" if line["p_holm"] is not None and line["p_holm"] < 0.05 else ""
    return signed(line["difference"]) + star


def _p(p: float | None) -> str:
    if p is None:
        return "–"
    return "<0.001" if p < 0.001 else format_cell(p)


def _notes(scale: TableScale, lines: Sequence[Line]) -> list[str]:
    notes = [_VALUES, _DIFFERENCES.format(scale.method), _HOLM]
    reasons = dict.fromkeys(
        f"{line['row']}, {line['benchmark']} ({line['domain']}): {line['reason']}."
        for line in lines
        if line["reason"]
    )
    return [*notes, *reasons]
