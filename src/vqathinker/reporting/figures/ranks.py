"""Figure: how methods rank, benchmark by benchmark; ours among the published ones.

Correlations of different sets differ in size, and one hard set moves an average; ranks do not.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import rankdata

from vqathinker.reporting.figures.drawing import (
    COLOURS,
    empty_figure,
    save_figure,
    style_axis,
    write_numbers,
)
from vqathinker.reporting.tables.main import AVERAGES

__all__ = ["COLUMNS", "ranks", "write_ranks"]

COLUMNS = ("method", "training_data", "ours", "domain", "benchmark", "srcc", "rank", "methods")
_SHOWN = 0.5  # part of a domain's benchmarks that a method needs to be shown
_MOST = 30  # methods of a panel, the best by mean rank


def write_ranks(lines: Sequence[Mapping[str, Any]], out_dir: Path) -> None:
    """Draw `ranks.png`, a panel for each domain and a row for each method, and write `ranks.csv`.

    `lines` are of the main table. A faint dot is a benchmark, the strong one the mean over them. A
    method with numbers on fewer than half of a domain's benchmarks is in the CSV alone.
    """
    table = ranks(lines)
    write_numbers(table, out_dir / "ranks.csv")
    save_figure(_draw(table), out_dir / "ranks.png")


def ranks(lines: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The rank by SRCC of every method on every benchmark: 1 is the best, equal ones share theirs.

    Of the main table's `lines` those count that are no averages, may be ranked and have an
    SRCC; of our runs the score that the tables show. Columns: method, training_data, ours, domain,
    benchmark, srcc, rank, methods (how many were ranked there).
    """
    shown: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    for line in lines:
        of_one = line["benchmark"] not in AVERAGES
        if of_one and line["ranked"] and line["srcc"] is not None:
            # The first line of a method is of the score that counts.
            shown.setdefault((line["method"], line["training_data"], line["benchmark"]), line)
    table = pd.DataFrame(list(shown.values()), columns=COLUMNS[:6])
    of_benchmark = table.groupby("benchmark", sort=False)["srcc"]
    table["rank"] = of_benchmark.transform(lambda srcc: rankdata(-srcc.to_numpy(dtype=float)))
    table["methods"] = of_benchmark.transform("size")
    return table


def _draw(table: pd.DataFrame) -> Figure:
    domains = list(table.groupby("domain", sort=False))
    if not domains:
        return empty_figure("No method has an SRCC.")
    best = {name: _best(rows) for name, rows in domains}
    height = 1 + 0.22 * max(len(methods) for methods in best.values())
    figure = Figure(figsize=(5 * len(domains), height), layout="constrained")
    axes = figure.subplots(1, len(domains), squeeze=False)[0]
    for axis, (name, rows) in zip(axes, domains, strict=True):
        methods = best[str(name)]
        for place, method in enumerate(methods):
            own = rows[rows["method"] == method]
            colour = COLOURS[1] if own["ours"].any() else COLOURS[0]
            axis.scatter(own["rank"], [place] * len(own), s=9, alpha=0.35, color=colour, lw=0)
            axis.scatter(own["rank"].mean(), place, s=26, color=colour, lw=0)
        axis.set_yticks(np.arange(len(methods)), methods, fontsize=7)
        axis.invert_yaxis()
        axis.set_title(f"{name} ({rows['benchmark'].nunique()} benchmarks)", loc="left", fontsize=9)
        axis.set_xlabel("rank by SRCC")
        style_axis(axis)
    return figure


def _best(rows: pd.DataFrame) -> list[str]:
    """Methods with numbers on enough benchmarks, by mean rank."""
    needed = _SHOWN * rows["benchmark"].nunique()
    by_method = rows.groupby("method")
    mean = by_method["rank"].mean()[by_method["benchmark"].nunique() >= needed]
    return [str(name) for name in mean.sort_values(kind="stable").index[:_MOST]]
