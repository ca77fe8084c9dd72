"""Figure: scores against MOS, a point for each video."""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from vqathinker.reporting.figures.drawing import (
    COLOURS,
    panels_of,
    save_figure,
    style_axis,
    write_numbers,
)

__all__ = ["write_scatters"]


def write_scatters(judged: pd.DataFrame, out_dir: Path) -> None:
    """Draw `scatter_<run>.png` for each run, a panel for each benchmark, and write `scatter.csv`.

    `judged` is a table of `judged.judged_videos`; the CSV is that table.
    """
    write_numbers(judged, out_dir / "scatter.csv")
    for run, of_run in judged.groupby("run", sort=False):
        save_figure(_draw(str(run), of_run), out_dir / f"scatter_{run}.png")


def _draw(run: str, judged: pd.DataFrame) -> Figure:
    benchmarks = list(judged.groupby("benchmark", sort=False))
    figure, panels = panels_of(benchmarks, f"{run}: score against MOS")
    for axis, (benchmark, videos) in panels:
        opacity = max(0.1, min(0.7, 60 / len(videos)))
        axis.scatter(videos["mos"], videos["score"], s=12, alpha=opacity, color=COLOURS[0], lw=0)
        axis.set_title(f"{benchmark} ({len(videos)} videos)", loc="left", fontsize=9)
        axis.set_xlabel("MOS")
        axis.set_ylabel("score")
        style_axis(axis)
    return figure
