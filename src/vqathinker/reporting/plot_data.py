"""The numbers that figures and the page draw, written as CSV with the figures.

They are data frames. Dots have the columns of `DOTS`: a value with its interval in the row `place`,
in the colour of its `series`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import t

from vqathinker.errors import InputError, reading
from vqathinker.evaluation.measures import residuals_of
from vqathinker.evaluation.predictions import read_predictions
from vqathinker.parquet import read_columns
from vqathinker.products import HISTORY, MANIFEST
from vqathinker.reporting.formats import Row
from vqathinker.reporting.main_table import AVERAGES

JUDGED = ("run", "benchmark", "video", "mos", "score", "mos_training", "content", "kind")
CALIBRATION = ("run", "benchmark", "bin", "n", "score", "mos", "low", "high")
RESIDUALS = ("run", "benchmark", "by", "group", "n", "mean", "deviation")
_RANKED = ("method", "training_data", "ours", "benchmark", "srcc")
DOTS = ["series", "place", "value", "low", "high"]
# Columns of history.csv that every run has, to the titles of their panels.
PANELS = {
    "reward": "reward, all together",
    "kl": "KL divergence from the base policy",
    "entropy": "entropy of a token, nats",
    "length": "length of a rollout, tokens",
    "failures": "share of answers without a score",
    "loss": "loss, all that supervised fine-tuning has",
}
_LABELS = ("video", "mos", "mos_training", "content", "kind")
_BINS = 10
_FEWEST_OF_BIN = 5  # videos, so that the mean of a bin has an interval


def read_judged(
    predictions: Iterable[Path], manifests: Mapping[str, Path]
) -> dict[tuple[str, str], pd.DataFrame]:
    """The videos with a score of each run on each benchmark, in the order of its manifest.

    Columns are `JUDGED`: `mos` as published, `mos_training` on the scale of the scores, `content`
    and `kind` (of degradation) missing if unknown. `manifests` maps a benchmark to its manifest.

    Raises:
        InputError: a benchmark has no manifest, or a file cannot be read.
    """
    labels = {name: read_columns(path, _LABELS, MANIFEST) for name, path in manifests.items()}
    judged = {}
    for path in predictions:
        given = read_predictions(path)
        if given.benchmark not in labels:
            raise InputError(
                f"{path} is of {given.benchmark}, but manifests are there only of "
                f"{sorted(labels)}; give this benchmark's manifest too"
            )
        scores = given.table[["video", "score"]].dropna()
        videos = labels[given.benchmark].merge(scores, on="video")
        named = videos.assign(run=given.run, benchmark=given.benchmark)
        judged[given.run, given.benchmark] = named[list(JUDGED)]
    return judged


def judged_videos(predictions: Iterable[Path], manifests: Mapping[str, Path]) -> pd.DataFrame:
    """The tables of `read_judged`, one below the other."""
    parts = [part for part in read_judged(predictions, manifests).values() if len(part)]
    return pd.concat(parts or [pd.DataFrame(columns=JUDGED)], ignore_index=True)


def calibration(judged: pd.DataFrame) -> pd.DataFrame:
    """Mean MOS of videos of similar score, on the scale of the scores.

    SRCC and PLCC do not see a score that is half a point too high everywhere; this does. The videos
    of a run on a benchmark are put into up to ten bins of equal size, with at least five videos.
    Columns are `CALIBRATION`: `score` and `mos` are means, `low` and `high` the 95 % interval of
    the mean MOS (Student's t).
    """
    rows = []
    for place, videos in judged.groupby(["run", "benchmark"], sort=False):
        ordered = videos.sort_values(["score", "video"], kind="stable")
        bins = max(1, min(_BINS, len(ordered) // _FEWEST_OF_BIN))
        for number, places in enumerate(np.array_split(np.arange(len(ordered)), bins)):
            own = ordered.iloc[places]
            n, mos = len(own), own["mos_training"].mean()
            quantile = t.ppf(0.975, n - 1) if n > 1 else np.nan
            half = quantile * own["mos_training"].std() / np.sqrt(n)
            rows.append((*place, number, n, own["score"].mean(), mos, mos - half, mos + half))
    return pd.DataFrame(rows, columns=CALIBRATION)


def residuals(judged: pd.DataFrame) -> pd.DataFrame:
    """Mean distance of the MOS from the line through scores and MOS, by content and by kind.

    Columns are `RESIDUALS`: `mean` and `deviation` are in units of the MOS, positive for videos
    better than their score; the deviation of a single video is missing. A benchmark whose scores
    are all equal has no line and no row.
    """
    rows = []
    for place, videos in judged.groupby(["run", "benchmark"], sort=False):
        if videos["score"].nunique() < 2:
            continue
        left = residuals_of(videos["score"].astype(float), videos["mos"].astype(float))
        for by in ("content", "kind"):
            known = videos[by].dropna()
            if 1 < known.nunique() < len(known):  # else there are no groups
                rows += [
                    (*place, by, group, len(own), own.mean(), own.std())
                    for group, own in left.groupby(videos[by])
                ]
    return pd.DataFrame(rows, columns=RESIDUALS)


def residual_dots(table: pd.DataFrame, run: str) -> Iterator[tuple[tuple[str, str], pd.DataFrame]]:
    """Benchmark and `by`, with a dot for each group, from the most overrated to the least."""
    own = table[table["run"] == run]
    reach = own["deviation"].astype(float).fillna(0)
    dots = own.assign(
        series=own["benchmark"], place=own["group"].astype(str), value=own["mean"],
        low=own["mean"] - reach, high=own["mean"] + reach,
    )  # fmt: skip
    ordered = dots.sort_values(["value", "place"], kind="stable")
    panels = dict(list(ordered.groupby(["benchmark", "by"])))
    for place in dots[["benchmark", "by"]].drop_duplicates().itertuples(index=False, name=None):
        yield place, panels[place][DOTS]


def ranks(lines: Sequence[Row]) -> pd.DataFrame:
    """The rank by SRCC of every method on every benchmark: 1 is the best, equal ones share theirs.

    Correlations of different sets differ in size, and one hard set moves an average; ranks do not.
    Of the main table's `lines`, averages, unranked rows and rows without SRCC are left out, and of
    our runs only the score that the tables show is ranked.
    """
    counted: dict[tuple[Any, ...], Row] = {}
    for line in lines:
        if line["benchmark"] not in AVERAGES and line["ranked"] and line["srcc"] is not None:
            # The first line of a method is of the score that tables show.
            counted.setdefault((line["method"], line["training_data"], line["benchmark"]), line)
    table = pd.DataFrame(list(counted.values()), columns=_RANKED).astype({"srcc": float})
    return table.assign(rank=table.groupby("benchmark")["srcc"].rank(ascending=False))


def preference_dots(rows: Sequence[Row]) -> list[tuple[str, pd.DataFrame]]:
    """Benchmark, with a dot for each run and kind of perturbation."""
    table = pd.DataFrame(list(rows), columns=["run", "benchmark", "kind", "preference", *DOTS[3:]])
    kinds = [kind.replace("_", " ") for kind in table["kind"]]
    dots = table.assign(series=table["run"], place=kinds, value=table["preference"])
    dots = dots.astype(dict.fromkeys(DOTS[2:], float))
    return [(str(name), own[DOTS]) for name, own in dots.groupby("benchmark", sort=False)]


def whiskers(values: pd.Series, low: pd.Series, high: pd.Series) -> list[list[float]]:
    """Lengths of the bars of intervals, below and above; 0 if there is none."""
    bars = ((values - low), (high - values))
    return [bar.astype(float).fillna(0).tolist() for bar in bars]


def panels_for(columns: Iterable[str]) -> dict[str, str]:
    """Columns of a history to the titles of their panels; each reward has a panel.

    >>> list(panels_for(["step", "reward", "rewards/format", "kl"]))[:3]
    ['reward', 'rewards/format', 'kl']
    """
    rewards = [name for name in columns if name.startswith("rewards/")]
    titles = {name: f"{name.removeprefix('rewards/')} reward" for name in rewards}
    return {"reward": PANELS["reward"], **titles, **PANELS}


def training_curves(histories: Mapping[str, Path]) -> pd.DataFrame:
    """The tables of `history.csv` of each trained run, one below the other, by `run`.

    Raises:
        InputError: a history lacks a column.
    """
    curves = []
    for run, path in histories.items():
        with reading(path, *HISTORY):
            history = pd.read_csv(path)
        if lacking := [name for name in ("step", *PANELS) if name not in history.columns]:
            raise InputError(f"{path}: has no column {', '.join(lacking)}; expected {HISTORY}")
        curves.append(history.assign(run=run))
    table = pd.concat(curves) if curves else pd.DataFrame(columns=["run", "step", *PANELS])
    first = ["run", "step", *panels_for(table.columns)]
    return table[first + [name for name in table.columns if name not in first]]


class Curve(NamedTuple):
    """A line of a panel: every logged step of a run if `faint`, else its running mean."""

    panel: str
    run: str
    steps: list[float]
    values: list[float]
    faint: bool


def curves_of(table: pd.DataFrame) -> Iterator[Curve]:
    """The curves of `training_curves`, panel by panel; short histories have the trend only."""
    for name in panels_for(table.columns):
        for run, own in table.groupby("run", sort=False):
            # A step without rollouts has no reward, but is no gap.
            values = pd.to_numeric(own.set_index("step")[name]).dropna()
            if values.empty:
                continue
            steps, window = values.index.tolist(), max(1, len(values) // 20)
            if window > 1:
                yield Curve(name, str(run), steps, values.tolist(), faint=True)
            trend = values.rolling(window, center=True, min_periods=1).mean()
            yield Curve(name, str(run), steps, trend.tolist(), faint=False)
