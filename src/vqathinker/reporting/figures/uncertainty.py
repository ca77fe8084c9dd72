"""Figure: is a score further from the MOS where the policy says that it is less sure?"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vqathinker.evaluation.measures import errors_of
from vqathinker.evaluation.predictions import Predictions, read_predictions
from vqathinker.params import ScoreKind
from vqathinker.parquet import read_columns
from vqathinker.products import MANIFEST
from vqathinker.reporting.figures.drawing import (
    COLOURS,
    empty_figure,
    panels_of,
    save_figure,
    style_axis,
    write_numbers,
)

__all__ = ["write_uncertainty"]

_BINS = 5
_FEWEST = 10  # videos that say something about a line and the distances from it


def write_uncertainty(
    predictions: Sequence[Path], manifests: Mapping[str, Path], out_dir: Path
) -> None:
    """Draw `uncertainty.png`, error against spread, and write what it shows to `uncertainty.csv`.

    A panel for each run and benchmark whose predictions have a spread: that of the score shown in
    the tables, or else of the expectation or of the mean that stand beside it. The line is the mean
    error of a fifth of the videos each. Without such predictions the figure says so.

    `manifests` maps a benchmark to its manifest. Columns of the CSV: run, benchmark, score (its
    kind), video, spread, error (distance of the MOS from the line through scores and MOS).
    """
    columns = ["run", "benchmark", "score", "video", "spread", "error"]
    panels = [panel for path in predictions for panel in _panels(read_predictions(path), manifests)]
    table = pd.concat(panels)[columns] if panels else pd.DataFrame(columns=columns)
    write_numbers(table, out_dir / "uncertainty.csv")
    save_figure(_draw(panels), out_dir / "uncertainty.png")


def _panels(given: Predictions, manifests: Mapping[str, Path]) -> Iterator[pd.DataFrame]:
    kind = _kind_with_spread(given)
    if kind is None:
        return
    labels = read_columns(manifests[given.benchmark], ["video", "mos"], MANIFEST)
    told = given.table[["video", kind, f"{kind}_spread"]].dropna().merge(labels, on="video")
    if len(told) >= _FEWEST and told[kind].nunique() > 1:
        yield told.assign(
            run=given.run, benchmark=given.benchmark, score=kind, spread=told[f"{kind}_spread"],
            error=errors_of(told[kind], told["mos"]),
        )  # fmt: skip


def _kind_with_spread(given: Predictions) -> ScoreKind | None:
    kinds: tuple[ScoreKind, ...] = (given.score, "expected", "mean")
    return next((kind for kind in kinds if f"{kind}_spread" in given.table.columns), None)


def _draw(panels: Sequence[pd.DataFrame]) -> Figure:
    if not panels:
        return empty_figure("No prediction has a spread.")
    figure, pairs = panels_of(panels)
    for axis, panel in pairs:
        _draw_panel(axis, panel)
    return figure


def _draw_panel(axis: Axes, panel: pd.DataFrame) -> None:
    opacity = max(0.1, min(0.7, 60 / len(panel)))
    axis.scatter(panel["spread"], panel["error"], s=10, alpha=opacity, color=COLOURS[0], lw=0)
    ordered = panel.sort_values("spread", kind="stable")
    bins = [ordered.iloc[places] for places in np.array_split(np.arange(len(panel)), _BINS)]
    middles = [(part["spread"].mean(), part["error"].mean()) for part in bins]
    axis.plot(*zip(*middles, strict=True), color=COLOURS[1], marker="o", markersize=3)
    first = panel.iloc[0]
    axis.set_title(f"{first['run']}, {first['benchmark']}", loc="left", fontsize=9)
    axis.set_xlabel(f"spread of {first['score']}")
    axis.set_ylabel("error, MOS")
    style_axis(axis)
