"""Figure: how rewards, lengths and the distance from the base policy moved in training."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vqathinker.atomic import whole_file
from vqathinker.errors import InputError, reading
from vqathinker.products import HISTORY
from vqathinker.reporting.figures.drawing import (
    COLOURS,
    add_legend,
    empty_figure,
    panels_of,
    save_figure,
    style_axis,
)

__all__ = ["PANELS", "panels_for", "write_curves"]

# Columns of history.csv that every run has, to the titles of their panels.
PANELS = {
    "reward": "reward, all together",
    "kl": "KL divergence from the base policy",
    "entropy": "entropy of a token, nats",
    "length": "length of a rollout, tokens",
    "failures": "share of answers without a score",
    "loss": "loss, all that supervised fine-tuning has",
}
_REWARD = "rewards/"
_STYLES = ("-", "--", ":", "-.")
_WINDOWS = 20  # a trend is the mean over a twentieth of the steps


def panels_for(columns: Iterable[str]) -> dict[str, str]:
    """Columns of a history to the titles of their panels; each reward has a panel.

    >>> list(panels_for(["step", "reward", "rewards/format", "kl"]))[:3]
    ['reward', 'rewards/format', 'kl']
    """
    rewards = [name for name in columns if name.startswith(_REWARD)]
    titles = {name: f"{name.removeprefix(_REWARD)} reward" for name in rewards}
    return {"reward": PANELS["reward"], **titles, **PANELS}


def write_curves(histories: Mapping[str, Path], out_dir: Path) -> None:
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
    panels = panels_for(table.columns)
    first = ["run", "step", *panels]
    rest = [name for name in table.columns if name not in first]
    with whole_file(out_dir / "training_curve.csv") as part:
        table[first + rest].to_csv(part, index=False, lineterminator="\n")
    save_figure(_draw_curves(curves, panels), out_dir / "training_curve.png")


def _read_history(path: Path) -> pd.DataFrame:
    with reading(path, *HISTORY):
        history = pd.read_csv(path)
    if lacking := [name for name in ("step", *PANELS) if name not in history.columns]:
        raise InputError(f"{path}: has no column {', '.join(lacking)}; expected {HISTORY}")
    return history


def _draw_curves(curves: Mapping[str, pd.DataFrame], titles: Mapping[str, str]) -> Figure:
    if not curves:
        return empty_figure("No run was trained.")
    figure, panels = panels_of(list(titles.items()))
    for axis, (column, title) in panels:
        for number, (run, curve) in enumerate(curves.items()):
            if column in curve:  # a run trained before a reward was added has no column for it
                _draw_curve(axis, curve["step"], curve[column], run, number)
        axis.set_title(title, loc="left", fontsize=9)
        axis.set_xlabel("step")
        style_axis(axis)
    add_legend(figure)
    return figure


def _draw_curve(axis: Axes, steps: pd.Series, values: pd.Series, run: str, number: int) -> None:
    colour = COLOURS[number % len(COLOURS)]
    style = _STYLES[number // len(COLOURS) % len(_STYLES)]
    values = values.dropna()  # a step without rollouts has no reward, but is no gap
    steps = steps[values.index]
    window = max(1, len(values) // _WINDOWS)
    trend = values.rolling(window, center=True, min_periods=1).mean()
    if window > 1:
        axis.plot(steps, values, color=colour, alpha=0.2, linewidth=0.8)
    axis.plot(steps, trend, style, color=colour, linewidth=1.6, label=run)
