"""Figures of training and of scores against MOS, each with its data as CSV."""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from vqathinker.atomic import whole_file
from vqathinker.reporting import plot_data as data
from vqathinker.reporting.formats import write_csv
from vqathinker.reporting.scores import read_preference

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_STYLES = ("-", "--", ":", "-.")
_COLUMNS = 3  # panels per row
_DPI = 130
_MAX_LABELS = 24  # labels that fit next to an axis
_PREFERENCE = ("run", "benchmark", "score", "kind", "n", "preference", "low", "high")

Panel = TypeVar("Panel")


def write_curves(histories: Mapping[str, Path], out_dir: Path) -> None:
    """Draw `training_curve.png`: a panel per column, with every logged step and a running mean.

    `histories` maps each trained run to its `history.csv`.

    Raises:
        InputError: a history lacks a column.
    """
    table = data.training_curves(histories)
    _write_data(table, out_dir / "training_curve.csv", None)
    titles, runs = data.panel_titles(table.columns), list(histories)
    curves = list(data.smoothed_curves(table))

    def draw(axis: Axes, name: str) -> None:
        for curve in (curve for curve in curves if curve.panel == name):
            number = runs.index(curve.run)
            colour = COLOURS[number % len(COLOURS)]
            if curve.faint:
                axis.plot(curve.steps, curve.values, color=colour, alpha=0.2, linewidth=0.8)
            else:
                style = _STYLES[number // len(COLOURS) % len(_STYLES)]
                axis.plot(
                    curve.steps, curve.values, style, color=colour, linewidth=1.6, label=curve.run
                )
        _finish(axis, titles[name], "step")

    panels = list(titles) if histories else []
    path = out_dir / "training_curve.png"
    _save_panels(path, panels, draw, empty="No training runs.", legend=True)


def write_scatters(scored: pd.DataFrame, out_dir: Path) -> None:
    """Draw `scatter_<run>.png`, a panel for each benchmark; the data are in `scatter.csv`."""
    _write_data(scored, out_dir / "scatter.csv")

    def draw(axis: Axes, panel: tuple[str, pd.DataFrame]) -> None:
        benchmark, videos = panel
        opacity = max(0.1, min(0.7, 60 / len(videos)))
        axis.scatter(videos["mos"], videos["score"], s=12, alpha=opacity, color=COLOURS[0], lw=0)
        _finish(axis, f"{benchmark} ({len(videos)} videos)", "MOS", "score")

    for run, of_run in scored.groupby("run", sort=False):
        benchmarks = list(of_run.groupby("benchmark", sort=False))
        path = out_dir / f"scatter_{run}.png"
        _save_panels(path, benchmarks, draw, title=f"{run}: score against MOS")


def write_calibration(scored: pd.DataFrame, out_dir: Path) -> None:
    """Draw `calibration.png`: a panel for each benchmark, a line for each run."""
    table = data.calibration(scored)
    _write_data(table, out_dir / "calibration.csv")
    runs = list(table["run"].unique())

    def draw(axis: Axes, panel: tuple[str, pd.DataFrame]) -> None:
        benchmark, bins = panel
        for run, own in bins.groupby("run", sort=False):
            axis.errorbar(
                own["score"], own["mos"], yerr=data.error_bars(own["mos"], own["low"], own["high"]),
                color=COLOURS[runs.index(run) % len(COLOURS)], label=str(run), marker="o",
                markersize=3, linewidth=1.2, elinewidth=0.7,
            )  # fmt: skip
        known = bins[["score", "mos"]].to_numpy()
        ends = [known.min(), known.max()]
        axis.plot(ends, ends, color="black", linewidth=0.7, linestyle=":")
        _finish(axis, benchmark, "score", "MOS on the score scale")

    panels = list(table.groupby("benchmark", sort=False))
    path = out_dir / "calibration.png"
    _save_panels(path, panels, draw, empty="No video has a score.", legend=True)


def write_residuals(scored: pd.DataFrame, out_dir: Path) -> None:
    """Draw `residuals_<run>.png` for each run; the data are in `residuals.csv`.

    Each benchmark with contents or kinds of degradation has a panel with a point for each of them,
    from the most overrated to the most underrated.
    """
    table = data.residuals(scored)
    _write_data(table, out_dir / "residuals.csv")

    def draw(axis: Axes, panel: tuple[tuple[str, str], pd.DataFrame]) -> None:
        (benchmark, by), dots = panel
        _draw_dots(axis, dots, dots["place"].tolist(), [benchmark])
        axis.axvline(0, color="black", linewidth=0.7, linestyle=":")
        _finish(axis, f"{benchmark}, by {by}", "MOS − fitted line")

    for run in scored["run"].unique():
        empty = f"{run}: no benchmark has groups of content or degradation."
        title, path = f"{run}: residuals of MOS by group", out_dir / f"residuals_{run}.png"
        _save_panels(path, list(data.residual_dots(table, run)), draw, empty=empty, title=title)


def write_preference_figure(preferences: Sequence[Path], out_dir: Path) -> None:
    """Draw `preference.png`; the data are in `preference.csv`.

    Each benchmark has a panel, with a row for each kind of perturbation and a dot with its interval
    for each run. Without preference files there is no figure.

    Raises:
        InputError: a file is not the output of `preference`, or two have the same run and
            benchmark.
    """
    rows = read_preference(preferences)
    write_csv(out_dir / "preference.csv", _PREFERENCE, rows, None)
    kinds = list(dict.fromkeys(row["kind"].replace("_", " ") for row in rows))
    runs = list(dict.fromkeys(row["run"] for row in rows))

    def draw(axis: Axes, panel: tuple[str, pd.DataFrame]) -> None:
        benchmark, dots = panel
        _draw_dots(axis, dots, kinds, runs)
        axis.axvline(0.5, color="0.5", linewidth=0.8, linestyle="--")
        axis.set_xlim(-0.02, 1.02)
        _finish(axis, benchmark, "share of clips scored above their perturbed copy")

    if rows:
        size = (5, 0.8 + len(kinds) * max(0.45, 0.14 * len(runs)))
        path = out_dir / "preference.png"
        _save_panels(path, data.preference_dots(rows), draw, size=size, legend=True)


def draw_over_time(
    parts: Sequence[tuple[float, float, float | None]], title: str, path: Path
) -> None:
    """Draw the score of one long clip over time as the PNG `path` and as SVG.

    `parts` are start and end in seconds, and the score. A part without a score leaves a gap.
    """
    figure = Figure(figsize=(9, 3), layout="constrained")
    axis = figure.subplots()
    for start, end, score in parts:
        if score is not None:
            axis.plot([start, end], [score, score], color=COLOURS[0], linewidth=3)
    # An SVG cannot contain a file name that is not valid UTF-8.
    axis.set_title(title.encode(errors="replace").decode())
    _finish(axis, None, "seconds", "score")
    save_figure(figure, path.with_suffix(".png"))


def _draw_dots(axis: Axes, dots: pd.DataFrame, places: list[str], series: list[str]) -> None:
    """Draw `places` from top to bottom, with the dots of each series at small offsets."""
    for number, name in enumerate(series):
        own = dots[(dots["series"] == name) & dots["value"].notna()]
        shift = 0.7 * ((number + 0.5) / len(series) - 0.5)
        axis.errorbar(
            own["value"], [places.index(place) + shift for place in own["place"]],
            xerr=data.error_bars(own["value"], own["low"], own["high"]), fmt="o", markersize=4,
            elinewidth=1, color=COLOURS[number % len(COLOURS)], label=name,
        )  # fmt: skip
    named = places if len(places) <= _MAX_LABELS else []
    axis.set_yticks(range(len(named)), named, fontsize=7)
    axis.invert_yaxis()


def _save_panels(
    path: Path, panels: Sequence[Panel], draw: Callable[[Axes, Panel], None], *,
    empty: str = "", title: str = "", size: tuple[float, float] = (3, 3), legend: bool = False,
) -> None:  # fmt: skip
    """Save a figure with one panel of `size` inches for each of `panels`.

    The legend lists the lines of the first panel. Without panels, the figure shows the text
    `empty`.
    """
    if not panels:
        figure = Figure(figsize=(9, 2), layout="constrained")
        figure.text(0.5, 0.5, empty, ha="center")
        save_figure(figure, path)
        return
    columns = min(_COLUMNS, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(size[0] * columns, size[1] * rows + 0.4), layout="constrained")
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    axes = figure.subplots(rows, columns, squeeze=False).flat
    for axis, one in zip(axes, panels, strict=False):
        draw(axis, one)
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    if legend:
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=4, frameon=False)
    save_figure(figure, path)


def _finish(axis: Axes, title: str | None, x: str, y: str = "") -> None:
    if title is not None:
        axis.set_title(title, loc="left", fontsize=9)
    axis.set(xlabel=x, ylabel=y)
    axis.grid(alpha=0.25, linewidth=0.6)
    axis.spines[["top", "right"]].set_visible(False)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG and SVG with reproducible bytes; dollar signs are literal text."""
    for text in figure.findobj(Text):
        text.set_parse_math(False)
    with warnings.catch_warnings():
        # Characters missing from the font are boxes in the PNG; the SVG keeps the characters.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        with whole_file(path) as part:
            figure.savefig(part, format="png", dpi=_DPI)
        # Without a fixed salt, matplotlib writes random ids into an SVG.
        style = mpl.rc_context({"svg.hashsalt": path.stem, "svg.fonttype": "none"})
        with whole_file(path.with_suffix(".svg")) as part, style:
            figure.savefig(part, format="svg", metadata={"Date": None})


def _write_data(table: pd.DataFrame, path: Path, decimals: int | None = 6) -> None:
    form = None if decimals is None else f"%.{decimals}f"
    with whole_file(path) as part:
        table.to_csv(part, index=False, float_format=form, lineterminator="\n")
