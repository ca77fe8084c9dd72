"""Figures of training and of scores against MOS, each with its numbers as CSV."""

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
_COLUMNS = 3  # panels in a line
_DPI = 130
_NAMED = 24  # groups whose names still fit next to an axis
_PREFERENCE = ("run", "benchmark", "score", "kind", "n", "preference", "low", "high")

Shown = TypeVar("Shown")


def write_curves(histories: Mapping[str, Path], out_dir: Path) -> None:
    """Draw `training_curve.png`: a panel for each column, with every logged step and the trend.

    `histories` maps each trained run to its `history.csv`.

    Raises:
        InputError: a history lacks a column.
    """
    table = data.training_curves(histories)
    _write_numbers(table, out_dir / "training_curve.csv", None)
    titles, curves, runs = data.panels_for(table.columns), list(data.curves_of(table)), [*histories]

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

    shown = list(titles) if histories else []
    path = out_dir / "training_curve.png"
    _save_panels(path, shown, draw, empty="No run was trained.", legend=True)


def write_scatters(judged: pd.DataFrame, out_dir: Path) -> None:
    """Draw `scatter_<run>.png`, a panel for each benchmark, and write `judged` to `scatter.csv`."""
    _write_numbers(judged, out_dir / "scatter.csv")

    def draw(axis: Axes, shown: tuple[str, pd.DataFrame]) -> None:
        benchmark, videos = shown
        opacity = max(0.1, min(0.7, 60 / len(videos)))
        axis.scatter(videos["mos"], videos["score"], s=12, alpha=opacity, color=COLOURS[0], lw=0)
        _finish(axis, f"{benchmark} ({len(videos)} videos)", "MOS", "score")

    for run, of_run in judged.groupby("run", sort=False):
        benchmarks = list(of_run.groupby("benchmark", sort=False))
        path = out_dir / f"scatter_{run}.png"
        _save_panels(path, benchmarks, draw, title=f"{run}: score against MOS")


def write_calibration(judged: pd.DataFrame, out_dir: Path) -> None:
    """Draw `calibration.png`, a panel for each benchmark and a line for each run, and its CSV."""
    table = data.calibration(judged)
    _write_numbers(table, out_dir / "calibration.csv")
    runs = list(table["run"].unique())

    def draw(axis: Axes, shown: tuple[str, pd.DataFrame]) -> None:
        benchmark, bins = shown
        for run, own in bins.groupby("run", sort=False):
            axis.errorbar(
                own["score"], own["mos"], yerr=data.whiskers(own["mos"], own["low"], own["high"]),
                color=COLOURS[runs.index(run) % len(COLOURS)], label=str(run), marker="o",
                markersize=3, linewidth=1.2, elinewidth=0.7,
            )  # fmt: skip
        known = bins[["score", "mos"]].to_numpy()
        ends = [known.min(), known.max()]
        axis.plot(ends, ends, color="black", linewidth=0.7, linestyle=":")
        _finish(axis, benchmark, "score", "MOS on the scale of scores")

    panels = list(table.groupby("benchmark", sort=False))
    path = out_dir / "calibration.png"
    _save_panels(path, panels, draw, empty="No video has a score.", legend=True)


def write_residuals(judged: pd.DataFrame, out_dir: Path) -> None:
    """Draw `residuals_<run>.png` for each run, and write all of them to `residuals.csv`.

    A panel for each benchmark with contents or kinds of degradation has a point for each of them,
    from the most overrated to the most underrated.
    """
    table = data.residuals(judged)
    _write_numbers(table, out_dir / "residuals.csv")

    def draw(axis: Axes, shown: tuple[tuple[str, str], pd.DataFrame]) -> None:
        (benchmark, by), dots = shown
        _draw_dots(axis, dots, dots["place"].tolist(), [benchmark])
        axis.axvline(0, color="black", linewidth=0.7, linestyle=":")
        _finish(axis, f"{benchmark}, by {by}", "MOS - line through scores")

    for run in judged["run"].unique():
        empty = f"{run}: no benchmark has contents or kinds of degradation."
        title, path = f"{run}: MOS left over, by group", out_dir / f"residuals_{run}.png"
        _save_panels(path, list(data.residual_dots(table, run)), draw, empty=empty, title=title)


def write_preference_figure(preferences: Sequence[Path], out_dir: Path) -> None:
    """Draw `preference.png` and write its numbers to `preference.csv`.

    A panel for each benchmark has kinds from top to bottom, each with a dot and its interval for
    every run. Without measured preferences there is no figure.

    Raises:
        InputError: a file is not what `preference` wrote, or two are of the same run and benchmark.
    """
    rows = read_preference(preferences)
    write_csv(out_dir / "preference.csv", _PREFERENCE, rows, None)
    kinds = list(dict.fromkeys(row["kind"].replace("_", " ") for row in rows))
    runs = list(dict.fromkeys(row["run"] for row in rows))

    def draw(axis: Axes, shown: tuple[str, pd.DataFrame]) -> None:
        benchmark, dots = shown
        _draw_dots(axis, dots, kinds, runs)
        axis.axvline(0.5, color="0.5", linewidth=0.8, linestyle="--")
        axis.set_xlim(-0.02, 1.02)
        _finish(axis, benchmark, "share of clips scored above their copy")

    if rows:
        size = (5, 0.8 + len(kinds) * max(0.45, 0.14 * len(runs)))
        path = out_dir / "preference.png"
        _save_panels(path, data.preference_dots(rows), draw, size=size, legend=True)


def draw_over_time(
    parts: Sequence[tuple[float, float, float | None]], title: str, path: Path
) -> None:
    """Draw the score of one long clip over time as the PNG `path` and as SVG.

    `parts` are start and end in seconds, and the score; a part without one leaves a gap.
    """
    figure = Figure(figsize=(9, 3), layout="constrained")
    axis = figure.subplots()
    for start, end, score in parts:
        if score is not None:
            axis.plot([start, end], [score, score], color=COLOURS[0], linewidth=3)
    # A file name that is not UTF-8 cannot be written to an SVG.
    axis.set_title(title.encode(errors="replace").decode())
    _finish(axis, None, "seconds", "score")
    save_figure(figure, path.with_suffix(".png"))


def _draw_dots(axis: Axes, dots: pd.DataFrame, places: list[str], series: list[str]) -> None:
    """Draw `places` from top to bottom, the dots of a place below each other."""
    for number, name in enumerate(series):
        own = dots[(dots["series"] == name) & dots["value"].notna()]
        shift = 0.7 * ((number + 0.5) / len(series) - 0.5)
        axis.errorbar(
            own["value"], [places.index(place) + shift for place in own["place"]],
            xerr=data.whiskers(own["value"], own["low"], own["high"]), fmt="o", markersize=4,
            elinewidth=1, color=COLOURS[number % len(COLOURS)], label=name,
        )  # fmt: skip
    named = places if len(places) <= _NAMED else []
    axis.set_yticks(range(len(named)), named, fontsize=7)
    axis.invert_yaxis()


def _save_panels(
    path: Path, shown: Sequence[Shown], draw: Callable[[Axes, Shown], None], *,
    empty: str = "", title: str = "", size: tuple[float, float] = (3, 3), legend: bool = False,
) -> None:  # fmt: skip
    """Save a figure with a panel of this `size` in inches for each of `shown`.

    The legend names the lines of the first panel. If nothing is shown, the figure says `empty`.
    """
    if not shown:
        figure = Figure(figsize=(9, 2), layout="constrained")
        figure.text(0.5, 0.5, empty, ha="center")
        save_figure(figure, path)
        return
    columns = min(_COLUMNS, len(shown))
    lines = math.ceil(len(shown) / columns)
    figure = Figure(figsize=(size[0] * columns, size[1] * lines + 0.4), layout="constrained")
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    axes = figure.subplots(lines, columns, squeeze=False).flat
    for axis, one in zip(axes, shown, strict=False):
        draw(axis, one)
    for axis in axes[len(shown) :]:
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
    """Write a figure as PNG and SVG, reproducibly; a dollar sign in a text starts no formula."""
    for text in figure.findobj(Text):
        text.set_parse_math(False)
    with warnings.catch_warnings():
        # The PNG has boxes in place of scripts that its font lacks; the SVG has the characters.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        with whole_file(path) as part:
            figure.savefig(part, format="png", dpi=_DPI)
        # Without a salt the ids in an SVG are random.
        style = mpl.rc_context({"svg.hashsalt": path.stem, "svg.fonttype": "none"})
        with whole_file(path.with_suffix(".svg")) as part, style:
            figure.savefig(part, format="svg", metadata={"Date": None})


def _write_numbers(table: pd.DataFrame, path: Path, decimals: int | None = 6) -> None:
    form = None if decimals is None else f"%.{decimals}f"
    with whole_file(path) as part:
        table.to_csv(part, index=False, float_format=form, lineterminator="\n")
