"""Figure: which contents and which kinds of degradation does a run judge too well or too badly?"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vqathinker.evaluation.measures import residuals_of
from vqathinker.reporting.figures.drawing import (
    COLOURS,
    empty_figure,
    panels_of,
    printable,
    save_figure,
    style_axis,
    write_numbers,
)
from vqathinker.reporting.figures.judged import groups_of

__all__ = ["COLUMNS", "residuals", "write_residuals"]

COLUMNS = ("run", "benchmark", "by", "group", "n", "mean", "deviation")
_BY = ("content", "kind")
_NAMED = 24  # groups whose names still fit beside an axis


def write_residuals(judged: pd.DataFrame, out_dir: Path) -> None:
    """Draw `residuals_<run>.png` for each run, and write all of them to `residuals.csv`.

    A panel for each benchmark with contents or kinds of degradation, and a point for each of them,
    from the most overrated to the most underrated. Without any such benchmark the figure says so.
    """
    table = residuals(judged)
    write_numbers(table, out_dir / "residuals.csv")
    for run in judged["run"].unique():
        save_figure(_draw(str(run), table[table["run"] == run]), out_dir / f"residuals_{run}.png")


def residuals(judged: pd.DataFrame) -> pd.DataFrame:
    """Mean distance of the MOS from the line through scores and MOS, by content and by kind.

    `judged` is a table of `judged.judged_videos`. Columns: run, benchmark, by (content or kind),
    group, n, mean and deviation (in units of the MOS; positive: better than the policy said;
    deviation among the videos of a group, missing for one video). A benchmark whose scores are all
    equal has no line, and no row.
    """
    return pd.DataFrame(_groups(judged), columns=COLUMNS)


def _groups(judged: pd.DataFrame) -> Iterator[tuple[object, ...]]:
    for (run, benchmark), videos in judged.groupby(["run", "benchmark"], sort=False):
        if videos["score"].nunique() < 2:
            continue
        left = residuals_of(videos["score"].astype(float), videos["mos"].astype(float))
        for by in _BY:
            if (groups := groups_of(videos, by)) is None:
                continue
            for group, values in left.groupby(groups):
                yield run, benchmark, by, group, len(values), values.mean(), values.std()


def _draw(run: str, table: pd.DataFrame) -> Figure:
    if table.empty:
        return empty_figure(f"{run}: no benchmark has contents or kinds of degradation.")
    figure, panels = panels_of(
        list(table.groupby(["benchmark", "by"], sort=False)), f"{run}: MOS left over, by group"
    )
    for axis, ((benchmark, by), groups) in panels:
        _draw_panel(axis, groups.sort_values(["mean", "group"]))
        axis.set_title(f"{benchmark}, by {by}", loc="left", fontsize=9)
        axis.set_xlabel("MOS - line through scores")
    return figure


def _draw_panel(axis: Axes, groups: pd.DataFrame) -> None:
    places = np.arange(len(groups))
    reach = groups["deviation"].fillna(0)
    axis.errorbar(
        groups["mean"], places, xerr=reach, fmt="o", color=COLOURS[0], markersize=4, elinewidth=0.8
    )
    axis.axvline(0, color="black", linewidth=0.7, linestyle=":")
    named = len(groups) <= _NAMED
    names = [printable(str(group)) for group in groups["group"]]
    axis.set_yticks(places if named else [], names if named else [], fontsize=7)
    style_axis(axis)
