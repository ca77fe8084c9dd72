"""Figures: how rewards moved in training, and scores against MOS; each with its numbers as CSV."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vqathinker.atomic import whole_file
from vqathinker.errors import InputError, reading
from vqathinker.evaluation.predictions import read_predictions
from vqathinker.parquet import read_columns
from vqathinker.products import HISTORY, MANIFEST

__all__ = ["COLOURS", "PANELS", "save_figure", "style_axis", "write_figures", "write_scatters"]

# Column of history.csv to the title of its panel.
PANELS = {
    "reward": "reward, all together",
    "rewards/regression": "regression reward",
    "rewards/ranking": "ranking reward",
    "rewards/format": "format reward",
    "rewards/temporal": "temporal reward",
    "kl": "KL divergence from the base policy",
    "entropy": "entropy of a token, nats",
    "failures": "share of answers without a score",
}
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_STYLES = ("-", "--", ":", "-.")
_WINDOWS = 20  # a trend is the mean over a twentieth of the steps
_DPI = 130


def write_figures(histories: Mapping[str, Path], out_dir: Path) -> None:
    """Draw `training_curve.png`, and write what it shows to `training_curve.csv`.

    `histories` maps each trained run to its `history.csv`; the CSV is these tables one below the
    other, with the run as first column. The faint line is every logged step, the strong one the
    trend. Without a trained run the figure says so.

    Raises:
        InputError: a history lacks a column.
    """
    curves = {run: _read_history(path) for run, path in histories.items()}
    out_dir.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(columns=["run", "step", *PANELS])
    if curves:
        table = pd.concat([curve.assign(run=run) for run, curve in curves.items()])
    first = ["run", "step", *PANELS]
    rest = [name for name in table.columns if name not in first]
    with whole_file(out_dir / "training_curve.csv") as part:
        table[first + rest].to_csv(part, index=False, lineterminator="\n")
    save_figure(_draw_curves(curves), out_dir / "training_curve.png")


def write_scatters(
    predictions: Sequence[Path], manifests: Mapping[str, Path], out_dir: Path
) -> None:
    """Draw scores against MOS: `scatter_<run>.png` for each run, a panel for each benchmark.

    `manifests` maps a benchmark to its manifest. `scatter.csv` has what they show: run, benchmark,
    video, mos, score.

    Raises:
        InputError: a benchmark has no manifest.
    """
    labels = {
        name: read_columns(path, ["video", "mos"], MANIFEST) for name, path in manifests.items()
    }
    panels: dict[str, dict[str, pd.DataFrame]] = {}
    for path in predictions:
        given = read_predictions(path)
        if given.benchmark not in manifests:
            raise InputError(
                f"{path} is of {given.benchmark}, but manifests are there only of "
                f"{sorted(manifests)}; give this benchmark's manifest too"
            )
        pairs = given.table[["video", "score"]].dropna().merge(labels[given.benchmark], on="video")
        panels.setdefault(given.run, {})[given.benchmark] = pairs[["video", "mos", "score"]]
    out_dir.mkdir(parents=True, exist_ok=True)
    columns = ["run", "benchmark", "video", "mos", "score"]
    told = [
        rows.assign(run=run, benchmark=name)[columns]
        for run, of_run in panels.items()
        for name, rows in of_run.items()
    ]
    table = pd.concat(told) if told else pd.DataFrame(columns=columns)
    with whole_file(out_dir / "scatter.csv") as part:
        table.to_csv(part, index=False, float_format="%.6f", lineterminator="\n")
    for run, of_run in panels.items():
        save_figure(_draw_scatter(run, of_run), out_dir / f"scatter_{run}.png")


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG."""
    with whole_file(path) as part:
        figure.savefig(part, format="png", dpi=_DPI)


def _read_history(path: Path) -> pd.DataFrame:
    with reading(path, *HISTORY):
        history = pd.read_csv(path)
    if lacking := [name for name in ("step", *PANELS) if name not in history.columns]:
        raise InputError(f"{path}: has no column {', '.join(lacking)}; expected {HISTORY}")
    return history


def _draw_curves(curves: Mapping[str, pd.DataFrame]) -> Figure:
    figure = Figure(figsize=(8, 10), layout="constrained")
    if not curves:
        figure.text(0.5, 0.5, "No run was trained.", ha="center")
        return figure
    axes = figure.subplots(math.ceil(len(PANELS) / 2), 2, sharex=True)
    for axis, (column, title) in zip(axes.flat, PANELS.items(), strict=True):
        for number, (run, curve) in enumerate(curves.items()):
            _draw_curve(axis, curve["step"], curve[column], run, number)
        axis.set_title(title, loc="left", fontsize=10)
        style_axis(axis)
    for axis in axes[-1]:
        axis.set_xlabel("step")
    figure.legend(
        *axes.flat[0].get_legend_handles_labels(), loc="outside upper left", ncols=4, frameon=False
    )
    return figure


def _draw_curve(axis: Axes, steps: pd.Series, values: pd.Series, run: str, number: int) -> None:
    colour = COLOURS[number % len(COLOURS)]
    style = _STYLES[number // len(COLOURS) % len(_STYLES)]
    window = max(1, len(values) // _WINDOWS)
    trend = values.rolling(window, center=True, min_periods=1).mean()
    if window > 1:
        axis.plot(steps, values, color=colour, alpha=0.2, linewidth=0.8)
    axis.plot(steps, trend, style, color=colour, linewidth=1.6, label=run)


def _draw_scatter(run: str, benchmarks: Mapping[str, pd.DataFrame]) -> Figure:
    columns = min(3, len(benchmarks))
    lines = math.ceil(len(benchmarks) / columns)
    figure = Figure(figsize=(3 * columns, 3 * lines + 0.4), layout="constrained")
    figure.suptitle(f"{run}: score against MOS", x=0.01, ha="left", fontsize=11)
    axes = figure.subplots(lines, columns, squeeze=False)
    for axis, (benchmark, videos) in zip(axes.flat, benchmarks.items(), strict=False):
        opacity = max(0.1, min(0.7, 60 / max(1, len(videos))))
        axis.scatter(videos["mos"], videos["score"], s=12, alpha=opacity, color=COLOURS[0], lw=0)
        axis.set_title(f"{benchmark} ({len(videos)} videos)", loc="left", fontsize=9)
        axis.set_xlabel("MOS")
        axis.set_ylabel("score")
        style_axis(axis)
    for axis in axes.flat[len(benchmarks) :]:
        axis.set_axis_off()
    return figure


def style_axis(axis: Axes) -> None:
    """A faint grid, and no frame above and at the right."""
    axis.grid(alpha=0.25, linewidth=0.6)
    axis.spines[["top", "right"]].set_visible(False)
