"""The main table for reading: one grid for each domain, and one of our runs in full."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vqathinker.reporting.published import HOW_SURE, METHOD
from vqathinker.reporting.tables.formats import Cell, Column, Grid, format_cell
from vqathinker.reporting.tables.main import AVERAGES, MEASURES
from vqathinker.reporting.tables.scale import TableScale

__all__ = ["HEADINGS", "interval_text", "main_grids", "signed"]

Line = Mapping[str, Any]

HEADINGS = {"srcc": "SRCC", "plcc": "PLCC"}
_MARKS = (
    "The best of a column is bold, the second in italics (underlined in print), at three decimals. "
    "Rows trained on the benchmark itself, or under another protocol, are not ranked. Averages are "
    "weighted by the number of videos; one over fewer benchmarks than the domain has says over how "
    "many, and is not ranked."
)


def main_grids(
    scale: TableScale,
    lines: Sequence[Line],
    notes: Sequence[str] = (),
    *,
    intervals: bool = False,
) -> list[Grid]:
    """Grids of the lines that `main_lines` made; `notes` go below the last.

    With `intervals`, those of our rows stand in every grid, not in the last alone.
    """
    domains = dict.fromkeys(scale.domains.values())
    grids = [_domain_grid(scale, lines, domain, intervals) for domain in domains]
    return [*grids, _our_grid([line for line in lines if line["ours"]], notes)]


def _domain_grid(scale: TableScale, lines: Sequence[Line], domain: str, intervals: bool) -> Grid:
    names = [*scale.benchmarks(domain), AVERAGES[0]]
    columns = [Column("method", number=False), Column("trained on", number=False)]
    columns += [Column("how sure", number=False)]
    columns += [Column(HEADINGS[m], group=name) for name in names for m in MEASURES]
    methods: dict[tuple[Any, ...], dict[str, Line]] = {}
    for line in lines:
        if line["domain"] == domain:
            again = line["how_sure"] == "independent"
            key = (line["ours"], line["method"], line["training_data"], line["score"], again)
            methods.setdefault(key, {})[line["benchmark"]] = line
    blocks: dict[bool, list[list[Cell]]] = {False: [], True: []}
    total = len(names) - 1
    for (ours, method, trained_on, score, _), of in methods.items():
        name = f"{method} ({score})" if ours else method
        first = [Cell(name), Cell(format_cell(trained_on)), Cell("ours" if ours else _sure(of))]
        cells = [
            _cell(of.get(name), measure, total, intervals) for name in names for measure in MEASURES
        ]
        blocks[ours].append([*first, *cells])
    sure = {line["how_sure"] for line in lines if line["domain"] == domain}
    notes = [_MARKS, *(f"{word}: {meaning}." for word, meaning in HOW_SURE.items() if word in sure)]
    filled = [block for block in blocks.values() if block]
    return Grid(f"Main table, {domain}", columns, filled, notes)


def _sure(of: Mapping[str, Line]) -> str:
    """How sure most of a method's values are, then the others by benchmark."""
    words = {name: str(line["how_sure"]) for name, line in of.items() if name not in AVERAGES}
    most, _ = Counter(words.values()).most_common(1)[0]
    others = [f"{name} {word}" for name, word in words.items() if word != most]
    return "; ".join([most, *others])


def _cell(line: Line | None, measure: str, total: int, intervals: bool) -> Cell:
    if line is None or line[measure] is None:
        return Cell("–")
    text = format_cell(line[measure])
    if intervals:
        text = interval_text(line[measure], line[f"{measure}_low"], line[f"{measure}_high"])
    if line["benchmark"] in AVERAGES and line["benchmarks"] < total:
        text += f" ({line['benchmarks']} of {total})"
    return Cell(text, line[f"{measure}_place"])


def _our_grid(lines: Sequence[Line], notes: Sequence[str]) -> Grid:
    published = any(line["published_srcc"] is not None for line in lines)
    names = ("run", "score", "domain", "benchmark")
    columns = [Column(name, number=False) for name in names]
    columns += [Column(name) for name in ("n", "missing", "damaged", "no answer")]
    for measure in MEASURES:
        own = ["ours", *(["published", "difference", "inside"] if published else [])]
        columns += [Column(name, group=HEADINGS[measure]) for name in own]
    rows = [list(_our_row(line, published)) for line in lines if line["benchmark"] != AVERAGES[1]]
    of_run: dict[str, list[list[Cell]]] = {}
    for row in rows:
        of_run.setdefault(row[0].text, []).append(row)
    reasons = dict.fromkeys(
        f"{line['benchmark']}: {line['reason']}."
        for line in lines
        if line["reason"] and line["benchmark"] not in AVERAGES
    )
    legend = ["In brackets the 95 % interval of ours."]
    if published:
        legend.append(
            f"published: {METHOD}'s row, of an average over the same benchmarks; inside: it "
            "lies in our interval."
        )
    if not rows:
        legend = ["Nothing of ours has run yet."]
    return Grid("Our runs", columns, list(of_run.values()), [*legend, *reasons, *notes])


def _our_row(line: Line, published: bool) -> Iterator[Cell]:
    for name in ("method", "score", "domain", "benchmark"):
        yield Cell(format_cell(line[name]))
    for name in ("n", "n_missing", "n_damaged", "n_null"):
        yield Cell(format_cell(line[name]))
    for measure in MEASURES:
        yield Cell(interval_text(line[measure], line[f"{measure}_low"], line[f"{measure}_high"]))
        if published:
            yield Cell(format_cell(line[f"published_{measure}"]))
            yield Cell(signed(line[f"{measure}_difference"]))
            yield Cell(format_cell(line[f"published_{measure}_inside"]))


def interval_text(value: float | None, low: float | None, high: float | None) -> str:
    """A value with its interval, where it has one.

    >>> interval_text(0.85512, 0.84, 0.8666), interval_text(0.85512, None, None)
    ('0.855 [0.840, 0.867]', '0.855')
    """
    if value is None or low is None or high is None:
        return format_cell(value)
    return f"{format_cell(value)} [{format_cell(low)}, {format_cell(high)}]"


def signed(difference: float | None) -> str:
    """A difference with its sign.

    >>> signed(0.0123), signed(-0.0004), signed(None)
    ('+0.012', '-0.000', '–')
    """
    return "–" if difference is None else f"{difference:+.3f}"
