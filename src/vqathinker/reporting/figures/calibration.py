"""Figure: is a score what it says, on the scale on which it was asked for?

SRCC and PLCC do not see a score that is half a point too high everywhere; this does.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import t

from vqathinker.reporting.figures.drawing import (
    COLOURS,
    add_legend,
    empty_figure,
    panels_of,
    save_figure,
    style_axis,
    write_numbers,
)

__all__ = ["COLUMNS", "calibration", "write_calibration"]

COLUMNS = ("run", "benchmark", "bin", "n", "score", "mos", "low", "high")
_BINS = 10
_FEWEST = 5  # videos of a bin, whose mean has an interval
_CONFIDENCE = 0.95


def write_calibration(judged: pd.DataFrame, out_dir: Path) -> None:
    """Draw `calibration.png`, a panel for each benchmark and a line for each run, and its CSV."""
    table = calibration(judged)
    write_numbers(table, out_dir / "calibration.csv")
    save_figure(_draw(table), out_dir / "calibration.png")


def calibration(judged: pd.DataFrame) -> pd.DataFrame:
    """Mean MOS of videos of similar score, on the scale of the scores.

    `judged` is a table of `judged.judged_videos`. The videos of a run on a benchmark are put into
    up to ten bins with equally many videos, at least five. Columns: run, benchmark, bin, n, score
    and mos (means), low and high (95 % interval of the mean MOS, Student's t).
    """
    return pd.DataFrame(_bins(judged), columns=COLUMNS)


def _bins(judged: pd.DataFrame) -> Iterator[tuple[object, ...]]:
    for (run, benchmark), videos in judged.groupby(["run", "benchmark"], sort=False):
        ordered = videos.sort_values(["score", "video"], kind="stable")
        bins = min(_BINS, len(ordered) // _FEWEST)
        for number, places in enumerate(np.array_split(np.arange(len(ordered)), max(1, bins))):
            mos = ordered["mos_training"].iloc[places]
            half = np.nan
            if len(mos) > 1:
                half = t.ppf((1 + _CONFIDENCE) / 2, len(mos) - 1) * mos.std() / np.sqrt(len(mos))
            score = ordered["score"].iloc[places].mean()
            middle = mos.mean()
            yield run, benchmark, number, len(mos), score, middle, middle - half, middle + half


def _draw(table: pd.DataFrame) -> Figure:
    if table.empty:
        return empty_figure("No video has a score.")
    runs = {run: number for number, run in enumerate(table["run"].unique())}
    figure, panels = panels_of(list(table.groupby("benchmark", sort=False)))
    for axis, (benchmark, bins) in panels:
        for run, line in bins.groupby("run", sort=False):
            colour = COLOURS[runs[run] % len(COLOURS)]
            reach = [line["mos"] - line["low"], line["high"] - line["mos"]]
            axis.errorbar(
                line["score"], line["mos"], yerr=np.nan_to_num(reach), color=colour, label=run,
                marker="o", markersize=3, linewidth=1.2, elinewidth=0.7,
            )  # fmt: skip
        ends = [
            bins[["score", "low", "mos"]].min(axis=None),
            bins[["score", "high", "mos"]].max(axis=None),
        ]
        axis.plot(ends, ends, color="black", linewidth=0.7, linestyle=":")
        axis.set_title(str(benchmark), loc="left", fontsize=9)
        axis.set_xlabel("score")
        axis.set_ylabel("MOS on the scale of scores")
        style_axis(axis)
    add_legend(figure)
    return figure
