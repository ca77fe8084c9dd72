"""The ladder of runs: the difference of every run from the method, with its interval.

Differences are computed on the same videos, by paired bootstrap. If a run has several seeds, means
over seeds are compared, and the bootstrap also draws seeds. Holm's correction is over all
differences of one measure.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from vqathinker.evaluation.agreement import resampling_contents
from vqathinker.evaluation.intervals import (
    Agreement,
    average_over_sets,
    bootstrap,
    generator_for,
)
from vqathinker.evaluation.significance import SeedAverage, average_over_seeds, compare, holm
from vqathinker.params import IntervalsParams
from vqathinker.phases.trees import leaves, without
from vqathinker.reporting.formats import (
    FILES,
    MEASURES,
    Cell,
    Column,
    Grid,
    Row,
    Table,
    format_cell,
    format_difference,
    format_interval,
)
from vqathinker.reporting.main_table import AVERAGES, HEADINGS, ReportScale

Line = dict[str, Any]

LADDER_COLUMNS = (
    "group", "row", "variant", "seeds", "domain", "benchmark", "benchmarks", "measure",
    "n", "value", "low", "high", "spread",
    "n_compared", "difference", "difference_low", "difference_high", "p", "p_holm", "reason",
)  # fmt: skip
_KEY = ("group", "row", "variant", "domain", "benchmark", "measure")
# Title of a grid to the groups of rows that follow the method in it.
_GRID_GROUPS = {
    "Ablation ladder": ("untrained", "ablation"),
    "Supervised fine-tuning against GRPO": ("untrained", "training"),
    "Backbones": ("backbone",),
    "Frames": ("frames",),
}
_NOTES = (
    (
        "Averages are weighted by the number of videos and have a 95 % interval. Several seeds are "
        "shown as mean ± standard deviation."
    ),
    (
        "difference: minus {}, on the videos that both runs scored, with the 95 % interval of the "
        "paired bootstrap over contents or videos, and over seeds."
    ),
    "Holm's p: p value corrected for all differences of one measure in ladder.csv.",
)


class LadderRow(NamedTuple):
    """A row: name of its first run, one run per seed, its group, and its variant."""

    name: str
    runs: tuple[str, ...]
    group: str
    variant: str


def ladder_rows(scale: ReportScale, runs: Collection[str]) -> list[LadderRow]:
    """The rows of these runs, in the order of params.yaml, the method first.

    The variant of a row lists the resolved parameters that differ from the method; runs that differ
    only in their seed are one row. The group is `untrained` for a policy without training;
    `training` for another training method or a run that starts `after` another; `backbone` if only
    the base policy differs; `frames` if only the clips differ; otherwise `ablation`.
    """
    seeds: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for name, row in scale.runs.items():
        if name in runs:
            seeds.setdefault(tuple(sorted(_flat(row).items())), []).append(name)
    method = _flat(scale.runs.get(scale.method, {}))
    rows = []
    for flattened, names in seeds.items():
        own = dict(flattened)
        if own.get("train") == "false" and own.get("after") == scale.method:
            # A row that only evaluates the method's policy differently is trained like the method.
            for key in ("train", "after"):
                own.pop(key)
                own |= {key: method[key]} if key in method else {}
        rows.append(_row(names, own, method))
    return sorted(rows, key=lambda row: row.group != "method")


def _row(names: list[str], own: Mapping[str, str], method: Mapping[str, str]) -> LadderRow:
    keys = [key for key in {**method, **own} if own.get(key) != method.get(key)]
    if not keys:
        return LadderRow(names[0], tuple(names), "method", "the method")
    if own.get("train") == "false":
        variant = f"{own.get('base.name', '')} (untrained)"
        return LadderRow(names[0], tuple(names), "untrained", variant)
    of_base = {key for key in keys if key.startswith("base.") and key != "base.name"}
    # A base policy without its motion branch also has another name, but the same backbone.
    only_motion = bool(of_base) and all(key.startswith("base.motion") for key in of_base)
    named = [key for key in keys if key != "base.name" or not only_motion]
    if "base.name" in named:  # the name implies all other parameters of a base policy
        named = [key for key in named if key not in of_base]
    sections = {key.split(".")[0] for key in keys}
    if "training.method" in keys or "after" in keys:
        group = "training"
    elif sections == {"base"} and not only_motion:
        group = "backbone"
    else:
        group = "frames" if sections == {"clips"} else "ablation"
    variant = ", ".join(f"{key} {own.get(key, 'none')}" for key in named)
    return LadderRow(names[0], tuple(names), group, variant)


def _flat(row: Mapping[str, Any]) -> dict[str, str]:
    """Parameters of a run by dotted key, as text."""
    return {
        ".".join(path): value if isinstance(value, str) else json.dumps(value)
        for path, value in leaves(without(row, "group", "of", "seed"))
    }


@dataclass(eq=False)
class AgreementCache:
    """Resampled agreement of runs with benchmarks.

    `scored` are the scored videos by run and benchmark, see `plot_data.read_scored_videos`.
    `params` are the settings of the bootstrap.
    """

    scored: Mapping[tuple[str, str], pd.DataFrame]
    params: IntervalsParams
    _cache: dict[tuple[str, frozenset[str]], dict[str, Agreement]] = field(default_factory=dict)

    @property
    def runs(self) -> list[str]:
        """All runs with predictions."""
        return list(dict.fromkeys(run for run, _ in self.scored))

    def of(self, runs: Sequence[str], benchmark: str) -> list[Agreement] | None:
        """Agreement of each run on the videos that all of these runs scored.

        None if one of them has no predictions on the benchmark.
        """
        if any((run, benchmark) not in self.scored for run in runs):
            return None
        scored = (frozenset(self.scored[run, benchmark]["video"]) for run in runs)
        shared = frozenset[str].intersection(*scored)
        if (key := (benchmark, shared)) not in self._cache:
            self._cache[key] = self._resample(benchmark, shared)
        return [self._cache[key][run] for run in runs]

    def average_interval(
        self, run: str, measure: str, benchmarks: Sequence[str], weights: Sequence[int]
    ) -> tuple[float | None, float | None]:
        """Ends of the interval of a run's average over benchmarks; None if there is none."""
        found = [self.of([run], name) for name in benchmarks]
        if None in found:
            return None, None
        sets = [getattr(agreements[0], measure) for agreements in found if agreements]
        estimate = average_over_sets(sets, weights).estimate(self.params.confidence)
        return estimate.low, estimate.high

    def _resample(self, benchmark: str, shared: frozenset[str]) -> dict[str, Agreement]:
        """Resample every run that scored all these videos, with the same resamples."""
        fitting = {
            run: own
            for (run, name), videos in self.scored.items()
            if name == benchmark and len(own := videos[videos["video"].isin(shared)]) == len(shared)
        }
        labels = next(iter(fitting.values()))
        found = bootstrap(
            np.stack([own["score"].to_numpy(dtype=float) for own in fitting.values()]),
            labels["mos"].to_numpy(dtype=float),
            resampling_contents(labels["content"].to_numpy()),
            generator=generator_for(self.params.seed, benchmark),
            resamples=self.params.resamples,
        )
        return dict(zip(fitting, found, strict=True))


def ladder_table(scale: ReportScale, results: Sequence[Row], agreements: AgreementCache) -> Table:
    """The table `ladder` of all runs with predictions; `results` are metrics, for provenance."""
    files = {(one["run"], one["benchmark"]): one[FILES][0] for one in results}
    lines = ladder_lines(scale, ladder_rows(scale, agreements.runs), agreements, files)
    return Table("ladder", "", LADDER_COLUMNS, _KEY, lines, 9, ladder_grids(scale, lines))


def ladder_lines(
    scale: ReportScale,
    rows: Sequence[LadderRow],
    agreements: AgreementCache,
    files: Mapping[tuple[str, str], Path],
) -> list[Line]:
    """A line for each row, measure, and benchmark or average, with the keys `LADDER_COLUMNS`.

    `value` is the mean over seeds on the `n` videos that all seeds scored, `spread` the standard
    deviation over seeds. `difference` is the row's value minus the method's on the `n_compared`
    videos that both scored, with its 95 % interval, `p` and `p_holm`. Undefined values are None,
    with a `reason`. `files` are metrics by run and benchmark; `FILES` of a line lists those of its
    runs and of the runs it is compared with.
    """
    method = next((row for row in rows if row.group == "method"), None)
    ladder = _Ladder(scale, method, agreements)
    lines = []
    for row in rows:
        for measure in MEASURES:
            for line, names in ladder.lines(row, measure):
                compared = method.runs if method and line["n_compared"] else ()
                pairs = [(run, name) for run in (*row.runs, *compared) for name in names]
                lines.append(line | {FILES: [files[pair] for pair in pairs if pair in files]})
    for measure in MEASURES:
        own = [line for line in lines if line["measure"] == measure]
        for line, p in zip(own, holm([line["p"] for line in own]), strict=True):
            line["p_holm"] = p
    return lines


@dataclass(frozen=True)
class _Ladder:
    scale: ReportScale
    method: LadderRow | None
    agreements: AgreementCache

    def lines(self, row: LadderRow, measure: str) -> Iterator[tuple[Line, list[str]]]:
        """Lines of a row, each with the benchmarks it covers."""
        for domain in dict.fromkeys(self.scale.domains.values()):
            scored = [
                name for name in self.scale.benchmarks(domain) if self._has_predictions(row, name)
            ]
            average = [(AVERAGES[0], scored)] if scored else []
            for benchmark, names in [*((name, [name]) for name in scored), *average]:
                yield {
                    **dict.fromkeys(LADDER_COLUMNS), "group": row.group, "row": row.name,
                    "variant": row.variant, "seeds": len(row.runs), "measure": measure,
                    "domain": domain, "benchmark": benchmark, "benchmarks": len(names),
                    **self._value(row, names, measure), **self._difference(row, names, measure),
                }, names  # fmt: skip

    def _has_predictions(self, row: LadderRow, benchmark: str) -> bool:
        return all((run, benchmark) in self.agreements.scored for run in row.runs)

    def _seeds(
        self, row: LadderRow, benchmarks: Sequence[str], measure: str, other: Sequence[str] = ()
    ) -> SeedAverage:
        """Mean over the row's seeds, on one benchmark or averaged over several.

        Only videos that the runs `other` also scored count.
        """
        found = [self.agreements.of([*row.runs, *other], name) or [] for name in benchmarks]
        # Weights are numbers of labels, so that they are the same for every row.
        weights = [self.scale.counts[name] for name in benchmarks]
        means = []
        for seed in range(len(row.runs)):
            own = [getattr(agreements[seed], measure) for agreements in found]
            means.append(own[0] if len(own) == 1 else average_over_sets(own, weights))
        return average_over_seeds(
            means, generator_for(self.agreements.params.seed, f"seeds of {row.name}")
        )

    def _value(self, row: LadderRow, benchmarks: Sequence[str], measure: str) -> Line:
        own = self._seeds(row, benchmarks, measure)
        found = own.mean.estimate(self.agreements.params.confidence)
        return {**found._asdict(), "n": own.mean.n, "spread": own.spread}

    def _difference(self, row: LadderRow, benchmarks: Sequence[str], measure: str) -> Line:
        method = self.method
        if row is method:
            return {}
        if method is None:
            return {"reason": f"the method, {self.scale.method}, was not run"}
        if not all(self._has_predictions(method, name) for name in benchmarks):
            return {"reason": f"the method, {method.name}, has no scores on it"}
        first = self._seeds(row, benchmarks, measure, method.runs).mean
        second = self._seeds(method, benchmarks, measure, row.runs).mean
        found = compare(first, second, self.agreements.params.confidence)
        return {
            "n_compared": first.n, "difference": found.difference, "difference_low": found.low,
            "difference_high": found.high, "p": found.p,
            **({"reason": found.reason} if found.reason else {}),
        }  # fmt: skip


def ladder_grids(scale: ReportScale, lines: Sequence[Line]) -> list[Grid]:
    """For each question about the runs, a grid of averages and one of benchmarks."""
    present = {line["group"] for line in lines}
    grids = []
    for title, groups in _GRID_GROUPS.items():
        # The grid of training methods needs a row with another training method.
        if present & (set(groups) if "training" not in groups else {"training"}):
            own = [line for line in lines if line["group"] in ("method", *groups)]
            grids += [_averages(scale, title, own), _benchmarks(scale, title, own)]
    return grids


def _averages(scale: ReportScale, title: str, lines: Sequence[Line]) -> Grid:
    domains = list(dict.fromkeys(line["domain"] for line in lines))
    columns = [Column("row", number=False), Column("variant", number=False), Column("seeds")]
    columns += [
        Column(name, group=f"{domain} {HEADINGS[measure]}")
        for domain in domains
        for measure in MEASURES
        for name in ("average", "difference", "p", "Holm's p")
    ]
    blocks: dict[str, list[list[Cell]]] = {}
    for name, of in _by_row(lines).items():
        first = next(iter(of.values()))
        texts = [name, first["variant"], format_cell(first["seeds"])]
        for domain in domains:
            for measure in MEASURES:
                line = of.get((domain, AVERAGES[0], measure))
                texts += _average_texts(line, len(scale.benchmarks(domain)))
        blocks.setdefault(first["group"], []).append([Cell(text) for text in texts])
    reasons = dict.fromkeys(
        f"{line['row']}, {line['benchmark']} ({line['domain']}): {line['reason']}."
        for line in lines
        if line["reason"]
    )
    notes = [*(note.format(scale.method) for note in _NOTES), *reasons]
    return Grid(f"{title}: averages", columns, list(blocks.values()), notes)


def _average_texts(line: Line | None, total: int) -> list[str]:
    if line is None:
        return ["–"] * 4
    value = _mean_and_spread(line) or format_interval(line["value"], line["low"], line["high"])
    if line["benchmarks"] < total:
        value += f" ({line['benchmarks']} of {total})"
    difference = format_difference(line["difference"])
    if line["difference"] is not None and line["difference_low"] is not None:
        low, high = (format_difference(line[f"difference_{end}"]) for end in ("low", "high"))
        difference += f" [{low}, {high}]"
    return [value, difference, _format_p(line["p"]), _format_p(line["p_holm"])]


def _benchmarks(scale: ReportScale, title: str, lines: Sequence[Line]) -> Grid:
    present = {line["benchmark"] for line in lines}
    names = [name for name in scale.domains if name in present]
    columns = [Column("row", number=False), Column("", number=False)]
    columns += [Column(HEADINGS[m], group=name) for name in names for m in MEASURES]
    blocks = []
    for name, of in _by_row(lines).items():
        own = [of.get((scale.domains[b], b, m)) for b in names for m in MEASURES]
        values = [_mean_and_spread(line) or format_cell(line and line["value"]) for line in own]
        rows = [[name, "value", *values]]
        if any(line is not None and line["difference"] is not None for line in own):
            rows.append([name, "difference", *map(_starred, own)])
        blocks.append([[Cell(text) for text in row] for row in rows])
    note = "*: Holm's p below 0.05. All intervals are in ladder.csv."
    return Grid(f"{title}: benchmarks", columns, blocks, [note])


def _by_row(lines: Sequence[Line]) -> dict[str, dict[tuple[str, str, str], Line]]:
    rows: dict[str, dict[tuple[str, str, str], Line]] = {}
    for line in lines:
        rows.setdefault(line["row"], {})[line["domain"], line["benchmark"], line["measure"]] = line
    return rows


def _mean_and_spread(line: Line | None) -> str | None:
    """Mean and standard deviation over several seeds."""
    if line is None or line["spread"] is None or line["value"] is None:
        return None
    return f"{format_cell(line['value'])} ± {format_cell(line['spread'])}"


def _starred(line: Line | None) -> str:
    if line is None:
        return "–"
    significant = line["p_holm"] is not None and line["p_holm"] < 0.05
    return format_difference(line["difference"]) + "*" * significant


def _format_p(p: float | None) -> str:
    return "<0.001" if p is not None and p < 0.001 else format_cell(p)
