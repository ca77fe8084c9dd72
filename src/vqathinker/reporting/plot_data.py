"""The data of figures and of the report page, written as CSV with the figures.

They are data frames. Frames of dots have the columns `DOT_COLUMNS`: a value with its interval, the
row of the plot it belongs to (`place`), and its `series`, which has one colour.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import t

from vqathinker.errors import InputError, reading
from vqathinker.evaluation.measures import linear_residuals
from vqathinker.evaluation.origins import HELD_OUT
from vqathinker.evaluation.predictions import read_predictions
from vqathinker.parquet import read_columns
from vqathinker.products import HISTORY, MANIFEST
from vqathinker.reporting.formats import Row
from vqathinker.reporting.main_table import AVERAGES

SCORED_COLUMNS = ("run", "benchmark", "video", "mos", "score", "mos_training", "content", "kind")
CALIBRATION_COLUMNS = ("run", "benchmark", "bin", "n", "score", "mos", "low", "high")
RESIDUAL_COLUMNS = ("run", "benchmark", "by", "group", "n", "mean", "deviation")
_RANK_COLUMNS = ("method", "training_data", "ours", "benchmark", "srcc")
DOT_COLUMNS = ["series", "place", "value", "low", "high"]
# Columns that every history.csv has, to the titles of their panels.
PANEL_TITLES = {
    "reward": "total reward",
    "kl": "KL divergence from the base policy",
    "entropy": "entropy per token (nats)",
    "length": "rollout length (tokens)",
    "failures": "share of rollouts without a score",
    "loss": "loss",
}
_LABELS = ("video", "mos", "mos_training", "content", "kind")
_BINS = 10
_MIN_BIN_SIZE = 5  # videos, so that the mean of a bin has an interval


def read_scored_videos(
    predictions: Iterable[Path], manifests: Mapping[str, Path]
) -> dict[tuple[str, str], pd.DataFrame]:
    """The videos with a score, for each run and benchmark, in the order of the manifest.

    Columns are `SCORED_COLUMNS`: `mos` as published, `mos_training` on the score scale, `content`
    and `kind` (of degradation), missing if unknown. `manifests` maps a benchmark to its manifest.

    Raises:
        InputError: a benchmark has no manifest, or a file cannot be read.
    """
    labels = {name: read_columns(path, _LABELS, MANIFEST) for name, path in manifests.items()}
    scored = {}
    for path in predictions:
        given = read_predictions(path)
        if given.benchmark not in labels:
            raise InputError(
                f"{path}: predictions on {given.benchmark}, but the manifests are of "
                f"{', '.join(sorted(labels)) or 'no set'}; also give that of {given.benchmark}"
            )
        scores = given.table[["video", "score"]].dropna()
        videos = labels[given.benchmark].merge(scores, on="video")
        named = videos.assign(run=given.run, benchmark=given.benchmark)
        scored[given.run, given.benchmark] = named[list(SCORED_COLUMNS)]
    return scored


def scored_videos(predictions: Iterable[Path], manifests: Mapping[str, Path]) -> pd.DataFrame:
    """The tables of `read_scored_videos`, concatenated, without splits, which have few videos."""
    whole = [path for path in predictions if HELD_OUT not in read_predictions(path).provenance]
    parts = [part for part in read_scored_videos(whole, manifests).values() if len(part)]
    return pd.concat(parts or [pd.DataFrame(columns=SCORED_COLUMNS)], ignore_index=True)


def calibration(scored: pd.DataFrame) -> pd.DataFrame:
    """Mean MOS of videos with similar scores, on the score scale.

    SRCC and PLCC do not change if all scores are half a point too high; calibration does. The
    videos of a run on a benchmark are divided into at most ten bins of equal size, with at least
    five videos each. Columns are `CALIBRATION_COLUMNS`: `score` and `mos` are means, `low` and
    `high` are the ends of the 95 % interval of the mean MOS (Student's t).
    """
    rows = []
    for place, videos in scored.groupby(["run", "benchmark"], sort=False):
        ordered = videos.sort_values(["score", "video"], kind="stable")
        bins = max(1, min(_BINS, len(ordered) // _MIN_BIN_SIZE))
        for number, places in enumerate(np.array_split(np.arange(len(ordered)), bins)):
            own = ordered.iloc[places]
            n, mos = len(own), own["mos_training"].mean()
            quantile = t.ppf(0.975, n - 1) if n > 1 else np.nan
            half = quantile * own["mos_training"].std() / np.sqrt(n)
            rows.append((*place, number, n, own["score"].mean(), mos, mos - half, mos + half))
    return pd.DataFrame(rows, columns=CALIBRATION_COLUMNS)


def residuals(scored: pd.DataFrame) -> pd.DataFrame:
    """Mean residual of the MOS from the line through scores and MOS, by content and by kind.

    Columns are `RESIDUAL_COLUMNS`: `mean` and `deviation` are in units of the MOS, positive if
    videos are better than their score. A single video has no deviation. A benchmark whose scores
    are all equal has no rows.
    """
    rows = []
    for place, videos in scored.groupby(["run", "benchmark"], sort=False):
        if videos["score"].nunique() < 2:
            continue
        residual = linear_residuals(videos["score"].astype(float), videos["mos"].astype(float))
        for by in ("content", "kind"):
            known = videos[by].dropna()
            if 1 < known.nunique() < len(known):  # otherwise there are no groups
                rows += [
                    (*place, by, group, len(own), own.mean(), own.std())
                    for group, own in residual.groupby(videos[by])
                ]
    return pd.DataFrame(rows, columns=RESIDUAL_COLUMNS)


def residual_dots(table: pd.DataFrame, run: str) -> Iterator[tuple[tuple[str, str], pd.DataFrame]]:
    """Benchmark and grouping, with a dot for each group, from the most overrated to the least."""
    own = table[table["run"] == run]
    deviation = own["deviation"].astype(float).fillna(0)
    dots = own.assign(
        series=own["benchmark"], place=own["group"].astype(str), value=own["mean"],
        low=own["mean"] - deviation, high=own["mean"] + deviation,
    )  # fmt: skip
    ordered = dots.sort_values(["value", "place"], kind="stable")
    panels = dict(list(ordered.groupby(["benchmark", "by"])))
    for place in dots[["benchmark", "by"]].drop_duplicates().itertuples(index=False, name=None):
        yield place, panels[place][DOT_COLUMNS]


def ranks(lines: Sequence[Row]) -> pd.DataFrame:
    """The rank by SRCC of every method on every benchmark: 1 is the best, ties share a rank.

    Correlations of different benchmarks differ in size, so a difficult one dominates an average;
    ranks avoid this. Averages, methods that are not comparable and rows without SRCC are left out.
    Of our runs, only the kind of score that the tables show is ranked.
    """
    ranked: dict[tuple[Any, ...], Row] = {}
    for line in lines:
        if line["benchmark"] not in AVERAGES and line["comparable"] and line["srcc"] is not None:
            # The first line of a method has the kind of score that the tables show.
            ranked.setdefault((line["method"], line["training_data"], line["benchmark"]), line)
    table = pd.DataFrame(list(ranked.values()), columns=_RANK_COLUMNS).astype({"srcc": float})
    return table.assign(rank=table.groupby("benchmark")["srcc"].rank(ascending=False))


def preference_dots(rows: Sequence[Row]) -> list[tuple[str, pd.DataFrame]]:
    """Each benchmark with a dot for each run and kind of perturbation."""
    table = pd.DataFrame(
        list(rows), columns=["run", "benchmark", "kind", "preference", *DOT_COLUMNS[3:]]
    )
    kinds = [kind.replace("_", " ") for kind in table["kind"]]
    dots = table.assign(series=table["run"], place=kinds, value=table["preference"])
    dots = dots.astype(dict.fromkeys(DOT_COLUMNS[2:], float))
    return [(str(name), own[DOT_COLUMNS]) for name, own in dots.groupby("benchmark", sort=False)]


def error_bars(values: pd.Series, low: pd.Series, high: pd.Series) -> list[list[float]]:
    """Lengths of error bars below and above the values; 0 if there is no interval."""
    bars = ((values - low), (high - values))
    return [bar.astype(float).fillna(0).tolist() for bar in bars]


def panel_titles(columns: Iterable[str]) -> dict[str, str]:
    """Titles of the panels for the columns of a history; each reward has a panel.

    >>> list(panel_titles(["step", "reward", "rewards/format", "kl"]))[:3]
    ['reward', 'rewards/format', 'kl']
    """
    rewards = [name for name in columns if name.startswith("rewards/")]
    titles = {name: f"{name.removeprefix('rewards/')} reward" for name in rewards}
    return {"reward": PANEL_TITLES["reward"], **titles, **PANEL_TITLES}


def training_curves(histories: Mapping[str, Path]) -> pd.DataFrame:
    """The `history.csv` of each trained run, concatenated, with a column `run`.

    Raises:
        InputError: a history lacks a column.
    """
    curves = []
    for run, path in histories.items():
        with reading(path, *HISTORY):
            history = pd.read_csv(path)
        if missing := [name for name in ("step", *PANEL_TITLES) if name not in history.columns]:
            raise InputError(f"{path}: lacks the columns {', '.join(missing)}; expected {HISTORY}")
        curves.append(history.assign(run=run))
    table = pd.concat(curves) if curves else pd.DataFrame(columns=["run", "step", *PANEL_TITLES])
    first = ["run", "step", *panel_titles(table.columns)]
    return table[first + [name for name in table.columns if name not in first]]


class Curve(NamedTuple):
    """A line in a panel: every logged step of a run if `faint`, otherwise its running mean."""

    panel: str
    run: str
    steps: list[float]
    values: list[float]
    faint: bool


def smoothed_curves(table: pd.DataFrame) -> Iterator[Curve]:
    """The curves of `training_curves`; short histories have only the running mean."""
    for name in panel_titles(table.columns):
        for run, own in table.groupby("run", sort=False):
            # A step without rollouts has no reward; the curve continues across it.
            values = pd.to_numeric(own.set_index("step")[name]).dropna()
            if values.empty:
                continue
            steps, window = values.index.tolist(), max(1, len(values) // 20)
            if window > 1:
                yield Curve(name, str(run), steps, values.tolist(), faint=True)
            trend = values.rolling(window, center=True, min_periods=1).mean()
            yield Curve(name, str(run), steps, trend.tolist(), faint=False)
