"""The ladder of runs: every row beside the method, with the difference and how sure it is.

Differences are of the same videos, by paired bootstrap; of several seeds the mean is compared, and
seeds are drawn as videos are. Holm's correction is over all differences of one measure.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vqathinker.errors import InputError
from vqathinker.evaluation.agreement import contents_of
from vqathinker.evaluation.intervals import (
    Agreement,
    average_over_sets,
    bootstrap,
    generator_of,
)
from vqathinker.evaluation.predictions import read_predictions
from vqathinker.evaluation.significance import Seeds, compare, holm, over_seeds
from vqathinker.params import IntervalsParams
from vqathinker.parquet import read_columns
from vqathinker.products import MANIFEST
from vqathinker.reporting.formats import FILES, MEASURES, Cell, Column, Grid, format_cell
from vqathinker.reporting.main_table import AVERAGES, HEADINGS, interval_text, signed
from vqathinker.reporting.scale import LadderRow, TableScale

if TYPE_CHECKING:
    from vqathinker.evaluation.estimates import Resampled

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


@dataclass(frozen=True, eq=False)
class Labels:
    """MOS of a benchmark by video, and contents by video, None where none is known."""

    mos: pd.Series
    contents: pd.Series


@dataclass(eq=False)
class Agreements:
    """Resampled agreement of runs with benchmarks; what was drawn once is kept.

    `scores` are finite, by video, of (run, benchmark); `labels` of each benchmark; `params` say how
    it is resampled.
    """

    scores: Mapping[tuple[str, str], pd.Series]
    labels: Mapping[str, Labels]
    params: IntervalsParams
    _drawn: dict[tuple[str, frozenset[str]], dict[str, Agreement]] = field(default_factory=dict)

    @property
    def runs(self) -> list[str]:
        """Every run that has scores."""
        return list(dict.fromkeys(run for run, _ in self.scores))

    def of(self, runs: Sequence[str], benchmark: str) -> list[Agreement] | None:
        """Agreement of each run over the videos of which all have a score.

        None where one of them has no predictions of the benchmark.
        """
        if any((run, benchmark) not in self.scores for run in runs):
            return None
        shared = frozenset[str].intersection(
            *(frozenset(self.scores[run, benchmark].index) for run in runs)
        )
        key = (benchmark, shared)
        if key not in self._drawn:
            self._drawn[key] = self._draw(benchmark, shared)
        return [self._drawn[key][run] for run in runs]

    def _draw(self, benchmark: str, shared: frozenset[str]) -> dict[str, Agreement]:
        """Resample every run that has a score of all these videos."""
        labels = self.labels[benchmark]
        videos = [video for video in labels.mos.index if video in shared]
        fitting = {
            run: values.reindex(videos).to_numpy()
            for (run, name), values in self.scores.items()
            if name == benchmark and shared <= set(values.index)
        }
        found = bootstrap(
            np.stack(list(fitting.values())),
            labels.mos.reindex(videos).to_numpy(),
            contents_of(labels.contents.reindex(videos).to_numpy()),
            generator=generator_of(self.params.seed, benchmark),
            resamples=self.params.resamples,
        )
        return dict(zip(fitting, found, strict=True))


def read_agreements(
    predictions: Iterable[Path],
    manifests: Mapping[str, Path],
    params: IntervalsParams,
) -> Agreements:
    """Read predictions with the labels of their benchmarks.

    `manifests` maps a benchmark to its manifest.

    Raises:
        InputError: a benchmark has no manifest, or a file cannot be read.
    """
    labels = {name: _read_labels(path) for name, path in manifests.items()}
    scores: dict[tuple[str, str], pd.Series] = {}
    for path in predictions:
        given = read_predictions(path)
        name = given.benchmark
        if name not in manifests:
            raise InputError(
                f"{path} is of {name}, but manifests are there only of {sorted(manifests)}; give "
                "this benchmark's manifest too"
            )
        own = given.table.set_index("video")["score"].astype(float)
        scores[given.run, name] = own[np.isfinite(own) & own.index.isin(labels[name].mos.index)]
    return Agreements(scores, labels, params)


def _read_labels(path: Path) -> Labels:
    table = read_columns(path, ["video", "mos", "content"], MANIFEST).set_index("video")
    return Labels(table["mos"].astype(float), table["content"])


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
    lines = [
        line
        for row in rows
        for measure in MEASURES
        for line in _lines_of(scale, row, method, measure, agreements, files)
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
    files: Mapping[tuple[str, str], Path],
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
            line = {
                **shared, **where, **_value(own, agreements.params.confidence),
                **_difference(scale, row, method, names, measure, agreements),
            }  # fmt: skip
            compared = method.runs if method and line["difference"] is not None else ()
            pairs = [(run, name) for run in (*row.runs, *compared) for name in names]
            yield {**line, FILES: [files[pair] for pair in pairs if pair in files]}


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
    return [
        Cell(value),
        Cell(_difference_text(line)),
        Cell(_p(line["p"])),
        Cell(_p(line["p_holm"])),
    ]


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
