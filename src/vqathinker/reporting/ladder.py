"""The ladder of runs: every row against the method, with the difference and its interval.

Differences are of the same videos, by paired bootstrap. With several seeds the means are compared,
and seeds are drawn as videos are. Holm's correction is over all differences of one measure.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from vqathinker.evaluation.agreement import contents_of
from vqathinker.evaluation.intervals import Agreement, average_over_sets, bootstrap, generator_of
from vqathinker.evaluation.significance import Seeds, compare, holm, over_seeds
from vqathinker.params import IntervalsParams
from vqathinker.reporting.formats import (
    FILES,
    MEASURES,
    Cell,
    Column,
    Grid,
    Row,
    Table,
    flat,
    format_cell,
    interval_text,
    signed,
)
from vqathinker.reporting.main_table import AVERAGES, HEADINGS, TableScale

Line = dict[str, Any]

LADDER = (
    "group", "row", "differs", "seeds", "domain", "benchmark", "benchmarks", "measure",
    "n", "value", "low", "high", "spread",
    "n_compared", "difference", "difference_low", "difference_high", "p", "p_holm", "reason",
)  # fmt: skip
_KEY = ("group", "row", "differs", "domain", "benchmark", "measure")
# Title of a grid to its groups of rows, below the method.
_GRIDS = {
    "Ablation ladder": ("untrained", "ablation"),
    "Supervised fine-tuning against GRPO": ("untrained", "training"),
    "Backbones": ("backbone",),
    "Frames": ("frames",),
}
_NOT_COMPARED = frozenset(("group", "of", "seed"))
_NOTES = (
    (
        "Averages are weighted by the number of videos, with the 95 % interval; of several seeds "
        "the mean ± the standard deviation of seeds."
    ),
    (
        "difference: less {}, on the videos that both scored, with the 95 % interval of the paired "
        "bootstrap, resampled by content where a set has few, seeds drawn as well."
    ),
    "Holm's p: corrected over all differences of one measure in ladder.csv.",
)


class LadderRow(NamedTuple):
    """A row: its first run's name, one run for each seed, its group, and what differs."""

    name: str
    runs: tuple[str, ...]
    group: str
    differs: str


def ladder_rows(scale: TableScale, runs: Collection[str]) -> list[LadderRow]:
    """The rows that these runs make, in the order of params.yaml, the method first.

    A row is named by what differs in its resolved parameters; runs that differ only in their seed
    are one row. Its group is `untrained` for a policy as it is; `training` for another method of
    training or one `after` another run; `backbone` if only the base policy differs; `frames` if
    only the clips differ; else `ablation`.
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
            # A row that only looks at the method's policy again is trained as the method is.
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
        differs = f"{own.get('base.name', '')} as it is"
        return LadderRow(names[0], tuple(names), "untrained", differs)
    of_base = {key for key in keys if key.startswith("base.") and key != "base.name"}
    # A base policy without its motion branch has another name, too, but is no other backbone.
    only_motion = bool(of_base) and all(key.startswith("base.motion") for key in of_base)
    named = [key for key in keys if key != "base.name" or not only_motion]
    if "base.name" in named:  # the name stands for all other parameters of a base policy
        named = [key for key in named if key not in of_base]
    sections = {key.split(".")[0] for key in keys}
    if "training.method" in keys or "after" in keys:
        group = "training"
    elif sections == {"base"} and not only_motion:
        group = "backbone"
    else:
        group = "frames" if sections == {"clips"} else "ablation"
    differs = ", ".join(f"{key} {own.get(key, 'none')}" for key in named)
    return LadderRow(names[0], tuple(names), group, differs)


def _flat(row: Mapping[str, Any]) -> dict[str, str]:
    """Parameters of a run by dotted key, as params.yaml writes them."""
    leaves = flat({key: value for key, value in row.items() if key not in _NOT_COMPARED})
    return {
        key: json.dumps(value) if value is None or isinstance(value, bool) else str(value)
        for key, value in leaves.items()
    }


@dataclass(eq=False)
class Agreements:
    """Resampled agreement of runs with benchmarks, cached.

    `judged` are the scored videos by run and benchmark, see `plot_data.read_judged`; `params` say
    how they are resampled.
    """

    judged: Mapping[tuple[str, str], pd.DataFrame]
    params: IntervalsParams
    _cache: dict[tuple[str, frozenset[str]], dict[str, Agreement]] = field(default_factory=dict)

    @property
    def runs(self) -> list[str]:
        """Every run that has predictions."""
        return list(dict.fromkeys(run for run, _ in self.judged))

    def of(self, runs: Sequence[str], benchmark: str) -> list[Agreement] | None:
        """Agreement of each run over the videos that all of them scored.

        None if one of them has no predictions on the benchmark.
        """
        if any((run, benchmark) not in self.judged for run in runs):
            return None
        scored = (frozenset(self.judged[run, benchmark]["video"]) for run in runs)
        shared = frozenset[str].intersection(*scored)
        if (key := (benchmark, shared)) not in self._cache:
            self._cache[key] = self._resample(benchmark, shared)
        return [self._cache[key][run] for run in runs]

    def average_interval(
        self, run: str, measure: str, benchmarks: Sequence[str], weights: Sequence[int]
    ) -> tuple[float | None, float | None]:
        """Ends of the interval of a run's average over benchmarks, None if it has none."""
        found = [self.of([run], name) for name in benchmarks]
        if None in found:
            return None, None
        sets = [getattr(agreements[0], measure) for agreements in found if agreements]
        estimate = average_over_sets(sets, weights).estimate(self.params.confidence)
        return estimate.low, estimate.high

    def _resample(self, benchmark: str, shared: frozenset[str]) -> dict[str, Agreement]:
        """Resample every run that scored all these videos; all runs meet the same resamples."""
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


def ladder_table(scale: TableScale, results: Sequence[Row], agreements: Agreements) -> Table:
    """The table `ladder` of all runs with predictions; `results` are metrics, for provenance."""
    files = {(one["run"], one["benchmark"]): one[FILES][0] for one in results}
    lines = ladder_lines(scale, ladder_rows(scale, agreements.runs), agreements, files)
    return Table("ladder", "", LADDER, _KEY, lines, 9, ladder_grids(scale, lines))


def ladder_lines(
    scale: TableScale,
    rows: Sequence[LadderRow],
    agreements: Agreements,
    files: Mapping[tuple[str, str], Path],
) -> list[Line]:
    """A line for each row, measure, and benchmark or weighted average, with the keys `LADDER`.

    `value` is the mean over seeds on the `n` videos that all of them scored, `spread` the standard
    deviation of the seeds. `difference` is the row's value less the method's on the `n_compared`
    videos that both scored, with its 95 % interval, `p` and `p_holm`. Undefined values are None
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
    scale: TableScale
    method: LadderRow | None
    agreements: Agreements

    def lines(self, row: LadderRow, measure: str) -> Iterator[tuple[Line, list[str]]]:
        """Lines with the benchmarks that they are about."""
        for domain in dict.fromkeys(self.scale.domains.values()):
            there = [name for name in self.scale.benchmarks(domain) if self._is_there(row, name)]
            places = [(name, [name]) for name in there]
            for benchmark, names in [*places, *([(AVERAGES[0], there)] if there else [])]:
                yield {
                    **dict.fromkeys(LADDER), "group": row.group, "row": row.name,
                    "differs": row.differs, "seeds": len(row.runs), "measure": measure,
                    "domain": domain, "benchmark": benchmark, "benchmarks": len(names),
                    **self._value(row, names, measure), **self._difference(row, names, measure),
                }, names  # fmt: skip

    def _is_there(self, row: LadderRow, benchmark: str) -> bool:
        return all((run, benchmark) in self.agreements.judged for run in row.runs)

    def _seeds(
        self, row: LadderRow, benchmarks: Sequence[str], measure: str, other: Sequence[str] = ()
    ) -> Seeds:
        """Mean over the row's seeds, of one benchmark or averaged over several.

        It is over the videos that the runs `other` scored, too.
        """
        found = [self.agreements.of([*row.runs, *other], name) or [] for name in benchmarks]
        # Weights are those of the label files, so that they are the same for every row.
        weights = [self.scale.counts[name] for name in benchmarks]
        means = []
        for seed in range(len(row.runs)):
            own = [getattr(agreements[seed], measure) for agreements in found]
            means.append(own[0] if len(own) == 1 else average_over_sets(own, weights))
        return over_seeds(means, generator_of(self.agreements.params.seed, f"seeds of {row.name}"))

    def _value(self, row: LadderRow, benchmarks: Sequence[str], measure: str) -> Line:
        own = self._seeds(row, benchmarks, measure)
        found = own.mean.estimate(self.agreements.params.confidence)
        return {**found._asdict(), "n": own.mean.n, "spread": own.spread}

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
    """Two grids, averages and benchmarks, for each question that a row answers."""
    there = {line["group"] for line in lines}
    grids = []
    for title, groups in _GRIDS.items():
        # Without another way of training there is nothing to compare GRPO with.
        if there & (set(groups) if "training" not in groups else {"training"}):
            own = [line for line in lines if line["group"] in ("method", *groups)]
            grids += [_averages(scale, title, own), _benchmarks(scale, title, own)]
    return grids


def _averages(scale: TableScale, title: str, lines: Sequence[Line]) -> Grid:
    domains = list(dict.fromkeys(line["domain"] for line in lines))
    columns = [Column("row", number=False), Column("what differs", number=False), Column("seeds")]
    columns += [
        Column(name, group=f"{domain} {HEADINGS[measure]}")
        for domain in domains
        for measure in MEASURES
        for name in ("average", "difference", "p", "Holm's p")
    ]
    blocks: dict[str, list[list[Cell]]] = {}
    for name, of in _by_row(lines).items():
        first = next(iter(of.values()))
        texts = [name, first["differs"], format_cell(first["seeds"])]
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
    value = _spread(line) or interval_text(line["value"], line["low"], line["high"])
    if line["benchmarks"] < total:
        value += f" ({line['benchmarks']} of {total})"
    difference = signed(line["difference"])
    if line["difference"] is not None and line["difference_low"] is not None:
        difference += f" [{signed(line['difference_low'])}, {signed(line['difference_high'])}]"
    return [value, difference, _p(line["p"]), _p(line["p_holm"])]


def _benchmarks(scale: TableScale, title: str, lines: Sequence[Line]) -> Grid:
    there = {line["benchmark"] for line in lines}
    names = [name for name in scale.domains if name in there]
    columns = [Column("row", number=False), Column("", number=False)]
    columns += [Column(HEADINGS[m], group=name) for name in names for m in MEASURES]
    blocks = []
    for name, of in _by_row(lines).items():
        own = [of.get((scale.domains[b], b, m)) for b in names for m in MEASURES]
        values = [_spread(line) or format_cell(line and line["value"]) for line in own]
        rows = [[name, "value", *values]]
        if any(line is not None and line["difference"] is not None for line in own):
            rows.append([name, "difference", *map(_starred, own)])
        blocks.append([[Cell(text) for text in row] for row in rows])
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


def _starred(line: Line | None) -> str:
    if line is None:
        return "–"
    significant = line["p_holm"] is not None and line["p_holm"] < 0.05
    return signed(line["difference"]) + "*" * significant


def _p(p: float | None) -> str:
    return "<0.001" if p is not None and p < 0.001 else format_cell(p)
