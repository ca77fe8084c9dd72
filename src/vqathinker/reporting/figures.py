"""Figures of training and of scores against MOS, each with its numbers as CSV."""

import math
import unicodedata
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from vqathinker.atomic import whole_file
from vqathinker.reporting import plot_data as data
from vqathinker.reporting.formats import Row, write_csv
from vqathinker.reporting.preference import read_preference

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_STYLES = ("-", "--", ":", "-.")
_COLUMNS = 3
_DPI = 130
_NAMED = 24  # groups whose names still fit beside an axis
_BINS = 5  # of videos, to show how error changes with spread
_PREFERENCE = ("run", "benchmark", "score", "kind", "n", "preference", "low", "high")
_SHOWN = 0.5  # part of a domain's benchmarks that a method needs to be shown
_MOST = 30  # methods of a panel, the best by mean rank

Shown = TypeVar("Shown")


def write_curves(histories: Mapping[str, Path], out_dir: Path) -> None:
    """Draw `training_curve.png` and write its numbers to `training_curve.csv`.

    `histories` maps each trained run to its `history.csv`. A faint line has every logged step, a
    strong one the trend.

    Raises:
        InputError: a history lacks a column.
    """
    table = data.training_curves(histories)
    _write_numbers(table, out_dir / "training_curve.csv", None)
    titles, lines, runs = data.panels_for(table.columns), data.curve_lines(table), list(histories)

    def draw(axis: Axes, name: str) -> None:
        for line in lines.get(name, []):
            _draw_line(axis, line, runs.index(line.run))
        _finish(axis, titles[name], "step")

    shown = list(titles) if histories else []
    path = out_dir / "training_curve.png"
    _save_panels(path, shown, draw, empty="No run was trained.", legend=True)


def write_scatters(judged: pd.DataFrame, out_dir: Path) -> None:
    """Draw `scatter_<run>.png`, a panel for each benchmark, and write `judged` to `scatter.csv`.

    `judged` is a table of `plot_data.judged_videos`.
    """

    def draw(axis: Axes, shown: tuple[str, pd.DataFrame]) -> None:
        benchmark, videos = shown
        _draw_points(axis, videos["mos"], videos["score"])
        _finish(axis, f"{benchmark} ({len(videos)} videos)", "MOS", "score")

    _write_numbers(judged, out_dir / "scatter.csv")
    for run, of_run in judged.groupby("run", sort=False):
        benchmarks = list(of_run.groupby("benchmark", sort=False))
        path = out_dir / f"scatter_{run}.png"
        _save_panels(path, benchmarks, draw, title=f"{run}: score against MOS")


def write_calibration(judged: pd.DataFrame, out_dir: Path) -> None:
    """Draw `calibration.png`, a panel for each benchmark and a line for each run, and its CSV."""
    table = data.calibration(judged)
    _write_numbers(table, out_dir / "calibration.csv")
    runs = list(table["run"].unique())

    def draw(axis: Axes, shown: tuple[str, list[data.Line]]) -> None:
        benchmark, lines = shown
        for line in lines:
            _draw_line(axis, line, runs.index(line.run))
        known = [end for line in lines for end in (*line.x, *line.y)]
        ends = [min(known), max(known)]
        axis.plot(ends, ends, color="black", linewidth=0.7, linestyle=":")
        _finish(axis, benchmark, "score", "MOS on the scale of scores")

    panels = list(data.calibration_lines(data.rows_of(table)).items())
    path = out_dir / "calibration.png"
    _save_panels(path, panels, draw, empty="No video has a score.", legend=True)


def write_residuals(judged: pd.DataFrame, out_dir: Path) -> None:
    """Draw `residuals_<run>.png` for each run, and write all of them to `residuals.csv`.

    A panel for each benchmark with contents or kinds of degradation. It has a point for each of
    them, from the most overrated to the most underrated.
    """
    table = data.residuals(judged)
    _write_numbers(table, out_dir / "residuals.csv")

    def draw(axis: Axes, shown: tuple[tuple[str, str], list[data.Dot]]) -> None:
        (benchmark, by), dots = shown
        _draw_dots(axis, dots, [dot.place for dot in dots], [benchmark])
        axis.axvline(0, color="black", linewidth=0.7, linestyle=":")
        _finish(axis, f"{benchmark}, by {by}", "MOS - line through scores")

    for run in judged["run"].unique():
        dots = data.residual_dots(data.rows_of(table), run)
        empty = f"{run}: no benchmark has contents or kinds of degradation."
        title, path = f"{run}: MOS left over, by group", out_dir / f"residuals_{run}.png"
        _save_panels(path, list(dots.items()), draw, empty=empty, title=title)


def write_uncertainty(
    predictions: Sequence[Path], manifests: Mapping[str, Path], out_dir: Path
) -> None:
    """Draw `uncertainty.png`, error against spread, and write its numbers to `uncertainty.csv`.

    A panel for each run and benchmark whose predictions have a spread. The line is the mean error
    of a fifth of the videos each.
    """
    table = data.uncertainty(predictions, manifests)
    _write_numbers(table, out_dir / "uncertainty.csv")

    def draw(axis: Axes, shown: tuple[tuple[str, str], pd.DataFrame]) -> None:
        (run, benchmark), videos = shown
        _draw_points(axis, videos["spread"], videos["error"])
        ordered = videos.sort_values("spread", kind="stable")
        bins = [ordered.iloc[at] for at in np.array_split(np.arange(len(videos)), _BINS)]
        middles = [(part["spread"].mean(), part["error"].mean()) for part in bins]
        axis.plot(*zip(*middles, strict=True), color=COLOURS[1], marker="o", markersize=3)
        spread = f"spread of {videos['score'].iloc[0]}"
        _finish(axis, f"{run}, {benchmark}", spread, "error, MOS")

    panels = list(table.groupby(["run", "benchmark"], sort=False))
    path = out_dir / "uncertainty.png"
    _save_panels(path, panels, draw, empty="No prediction has a spread.")


def write_ranks(lines: Sequence[Row], out_dir: Path) -> None:
    """Draw `ranks.png`, a panel for each domain and a row for each method, and write `ranks.csv`.

    `lines` are of the main table. A faint dot is a benchmark, the strong one the mean over them. A
    method with numbers on fewer than half of a domain's benchmarks is only in the CSV.
    """
    table = data.ranks(lines)
    _write_numbers(table, out_dir / "ranks.csv")
    domains = list(table.groupby("domain", sort=False))
    best = {name: _best(rows) for name, rows in domains}

    def draw(axis: Axes, shown: tuple[str, pd.DataFrame]) -> None:
        name, rows = shown
        for place, method in enumerate(best[name]):
            own = rows[rows["method"] == method]
            colour = COLOURS[1] if own["ours"].any() else COLOURS[0]
            axis.scatter(own["rank"], [place] * len(own), s=9, alpha=0.35, color=colour, lw=0)
            axis.scatter(own["rank"].mean(), place, s=26, color=colour, lw=0)
        axis.set_yticks(range(len(best[name])), best[name], fontsize=7)
        axis.invert_yaxis()
        _finish(axis, f"{name} ({rows['benchmark'].nunique()} benchmarks)", "rank by SRCC")

    height = 0.6 + 0.22 * max(map(len, best.values()), default=0)
    empty = "No method has an SRCC."
    _save_panels(out_dir / "ranks.png", domains, draw, empty=empty, size=(5, height))


def _best(rows: pd.DataFrame) -> list[str]:
    """Methods with numbers on enough benchmarks, by mean rank."""
    needed = _SHOWN * rows["benchmark"].nunique()
    by_method = rows.groupby("method")
    mean = by_method["rank"].mean()[by_method["benchmark"].nunique() >= needed]
    return [str(name) for name in mean.sort_values(kind="stable").index[:_MOST]]


def write_preference_figure(preferences: Sequence[Path], out_dir: Path) -> None:
    """Draw `preference.png` and write its numbers to `preference.csv`.

    A panel for each benchmark: kinds from top to bottom, each with a dot and its interval for every
    run. Without measured preferences there is no figure.

    Raises:
        InputError: a file is not what `preference` wrote, or two are of the same run and benchmark.
    """
    rows = read_preference(preferences)
    write_csv(out_dir / "preference.csv", _PREFERENCE, rows, None)
    panels = data.preference_dots(rows)
    dots = [dot for own in panels.values() for dot in own]
    kinds = list(dict.fromkeys(dot.place for dot in dots))
    runs = list(dict.fromkeys(dot.series for dot in dots))

    def draw(axis: Axes, shown: tuple[str, list[data.Dot]]) -> None:
        benchmark, own = shown
        _draw_dots(axis, own, kinds, runs)
        axis.axvline(0.5, color="0.5", linewidth=0.8, linestyle="--")
        axis.set_xlim(-0.02, 1.02)
        _finish(axis, benchmark, "share of clips scored above their copy")

    if rows:
        size = (5, 0.8 + len(kinds) * max(0.45, 0.14 * len(runs)))
        path = out_dir / "preference.png"
        _save_panels(path, list(panels.items()), draw, size=size, legend=True)


def draw_over_time(
    parts: Sequence[tuple[float, float, float | None]], title: str, path: Path
) -> None:
    """Draw the score of one long clip over time as `path`, as PNG and as SVG beside it.

    `parts` are start and end in seconds, and the score; a part without one leaves a gap.
    """
    figure = Figure(figsize=(9, 3), layout="constrained")
    axis = figure.subplots()
    for start, end, score in parts:
        if score is not None:
            axis.plot([start, end], [score, score], color=COLOURS[0], linewidth=3)
    axis.set_title(_printable(title))
    _finish(axis, None, "seconds", "score")
    save_figure(figure, path.with_suffix(".png"))


def _draw_line(axis: Axes, line: data.Line, number: int) -> None:
    colour = COLOURS[number % len(COLOURS)]
    style = _STYLES[number // len(COLOURS) % len(_STYLES)]
    if line.faint:
        axis.plot(line.x, line.y, color=colour, alpha=0.2, linewidth=0.8)
    elif not line.low:
        axis.plot(line.x, line.y, style, color=colour, linewidth=1.6, label=line.run)
    else:
        reach = [data.reach(line.y, line.low), data.reach(line.high, line.y)]
        axis.errorbar(line.x, line.y, yerr=reach, color=colour, label=line.run, marker="o",
                      markersize=3, linewidth=1.2, elinewidth=0.7)  # fmt: skip


def _draw_dots(
    axis: Axes, dots: Sequence[data.Dot], places: Sequence[str], series: Sequence[str]
) -> None:
    """Rows from top to bottom, the dots of a row below each other."""
    for number, name in enumerate(series):
        own = [dot for dot in dots if dot.series == name and dot.value is not None]
        values = [dot.value or 0.0 for dot in own]
        shift = 0.7 * ((number + 0.5) / len(series) - 0.5)
        reach = [
            data.reach(values, [d.low for d in own]),
            data.reach([d.high for d in own], values),
        ]
        axis.errorbar(
            values, [places.index(dot.place) + shift for dot in own], xerr=reach, fmt="o",
            markersize=4, elinewidth=1, color=COLOURS[number % len(COLOURS)], label=name,
        )  # fmt: skip
    named = len(places) <= _NAMED
    names = [_printable(place) for place in places]
    axis.set_yticks(range(len(places)) if named else [], names if named else [], fontsize=7)
    axis.invert_yaxis()


def _draw_points(axis: Axes, x: pd.Series, y: pd.Series) -> None:
    opacity = max(0.1, min(0.7, 60 / len(x)))
    axis.scatter(x, y, s=12, alpha=opacity, color=COLOURS[0], lw=0)


def _save_panels(
    path: Path, shown: Sequence[Shown], draw: Callable[[Axes, Shown], None], *,
    empty: str = "", title: str = "", size: tuple[float, float] = (3, 3), legend: bool = False,
) -> None:  # fmt: skip
    """Save a figure with a panel of this `size` in inches for each of `shown`, three in a line.

    The legend names the lines of the first panel. Where nothing is shown, the figure says `empty`.
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
        add_legend(figure)
    save_figure(figure, path)


def _finish(axis: Axes, title: str | None, x: str, y: str = "") -> None:
    """Title and labels, a faint grid, and no frame above and at the right."""
    if title is not None:
        axis.set_title(title, loc="left", fontsize=9)
    axis.set(xlabel=x, ylabel=y)
    axis.grid(alpha=0.25, linewidth=0.6)
    axis.spines[["top", "right"]].set_visible(False)


def add_legend(figure: Figure) -> None:
    """Name the lines of the first panel above all panels."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=4, frameon=False)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as `path`, which ends in .png, and as SVG beside it; always the same bytes.

    All text is shown as it is: a dollar sign begins no formula.
    """
    for text in figure.findobj(Text):
        text.set_parse_math(False)
    with warnings.catch_warnings():
        # The PNG has boxes in place of scripts that its font lacks; the SVG has the characters.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        with whole_file(path) as part:
            figure.savefig(part, format="png", dpi=_DPI)
        # Without a salt the names of an SVG's parts are drawn at random.
        style = mpl.rc_context({"svg.hashsalt": path.stem, "svg.fonttype": "none"})
        with whole_file(path.with_suffix(".svg")) as part, style:
            figure.savefig(part, format="svg", metadata={"Date": None})


def _printable(text: str) -> str:
    r"""Text without the characters that no SVG can hold: control characters and lone surrogates.

    >>> _printable("a\x1b[b\udcff.mp4")
    'a�[b�.mp4'
    """
    return "".join("\ufffd" if unicodedata.category(one) in {"Cc", "Cs"} else one for one in text)


def _write_numbers(table: pd.DataFrame, path: Path, decimals: int | None = 6) -> None:
    """Write what a figure shows as CSV."""
    form = None if decimals is None else f"%.{decimals}f"
    with whole_file(path) as part:
        table.to_csv(part, index=False, float_format=form, lineterminator="\n")
