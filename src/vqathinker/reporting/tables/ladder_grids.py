"""The ladder for reading: a grid for each question, averages first, then every benchmark."""

from collections.abc import Mapping, Sequence
from typing import Any

from vqathinker.reporting.tables.formats import Cell, Column, Grid, format_cell
from vqathinker.reporting.tables.main import AVERAGES, MEASURES
from vqathinker.reporting.tables.main_grids import HEADINGS, interval_text, signed
from vqathinker.reporting.tables.scale import TableScale

__all__ = ["ladder_grids"]

Line = Mapping[str, Any]

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
    return [Cell(value), Cell(_difference(line)), Cell(_p(line["p"])), Cell(_p(line["p_holm"]))]


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


def _difference(line: Line) -> str:
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
