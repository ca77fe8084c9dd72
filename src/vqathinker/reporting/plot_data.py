"""The numbers that figures and the page draw, written as CSV with the figures.

Tables are computed from predictions and labels. Dots and lines are made from their rows: `figures`
passes them on, and the page reads them from the CSV.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import rankdata, t

from vqathinker.errors import InputError, reading
from vqathinker.evaluation.measures import errors_of, residuals_of
from vqathinker.evaluation.predictions import read_predictions
from vqathinker.parquet import read_columns
from vqathinker.products import HISTORY, MANIFEST
from vqathinker.reporting.formats import Row
from vqathinker.reporting.main_table import AVERAGES

if TYPE_CHECKING:
    from vqathinker.params import ScoreKind

JUDGED = ("run", "benchmark", "video", "mos", "score", "mos_training", "content", "kind")
CALIBRATION = ("run", "benchmark", "bin", "n", "score", "mos", "low", "high")
RESIDUALS = ("run", "benchmark", "by", "group", "n", "mean", "deviation")
UNCERTAINTY = ("run", "benchmark", "score", "video", "spread", "error")
RANKS = ("method", "training_data", "ours", "domain", "benchmark", "srcc", "rank", "methods")
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
_WINDOWS = 20  # a trend is the mean over a twentieth of the steps
_LABELS = ("video", "mos", "mos_training", "content", "kind")
_BINS = 10
_FEWEST_OF_BIN = 5  # videos of a bin, whose mean has an interval
_CONFIDENCE = 0.95
_FEWEST = 10  # videos that say something about a line and the distances from it


class Dot(NamedTuple):
    """A value with its interval, in the row `place`, of the colour of its `series`."""

    series: str
    place: str
    value: float | None
    low: float | None
    high: float | None


class Line(NamedTuple):
    """A line of the colour of its run; `low` and `high` are ends of intervals of `y`.

    A trend is the running mean of a faint line.
    """

    run: str
    x: list[float]
    y: list[float]
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()
    faint: bool = False


def reach(ends: Sequence[float | None], starts: Sequence[float | None]) -> list[float]:
    """Lengths of the bars of intervals, 0 where there is none."""
    pairs = zip(ends, starts, strict=True)
    return [0.0 if end is None or start is None else end - start for end, start in pairs]


def rows_of(table: pd.DataFrame) -> list[Row]:
    """The rows of a table as `formats.read_table` reads them: missing values are None."""
    rows: list[Row] = table.astype(object).where(table.notna(), None).to_dict("records")
    return rows


def read_judged(
    predictions: Iterable[Path], manifests: Mapping[str, Path]
) -> dict[tuple[str, str], pd.DataFrame]:
    """The videos with a score of each run on each benchmark, in the order of its manifest.

    `manifests` maps a benchmark to its manifest. Columns: run, benchmark, video, mos (as
    published), score, mos_training (MOS on the scale of the scores), content and kind (of
    degradation; both missing where unknown).

    Raises:
        InputError: a benchmark has no manifest, or a file is not what it should be.
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
    of a run on a benchmark are put into up to ten bins with equally many videos, at least five.
    Columns: run, benchmark, bin, n, score and mos (means), low and high (95 % interval of the mean
    MOS, Student's t). `judged` is what `judged_videos` returns.
    """
    rows = []
    for place, videos in judged.groupby(["run", "benchmark"], sort=False):
        ordered = videos.sort_values(["score", "video"], kind="stable")
        bins = max(1, min(_BINS, len(ordered) // _FEWEST_OF_BIN))
        for number, places in enumerate(np.array_split(np.arange(len(ordered)), bins)):
            own = ordered.iloc[places]
            n, mos = len(own), own["mos_training"].mean()
            quantile = t.ppf((1 + _CONFIDENCE) / 2, n - 1) if n > 1 else np.nan
            half = quantile * own["mos_training"].std() / np.sqrt(n)
            rows.append((*place, number, n, own["score"].mean(), mos, mos - half, mos + half))
    return pd.DataFrame(rows, columns=CALIBRATION)


def calibration_lines(rows: Iterable[Row]) -> dict[str, list[Line]]:
    """Mean MOS against mean score: benchmark to a line for each run."""
    bins: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        bins.setdefault(row["benchmark"], {}).setdefault(row["run"], []).append(row)
    return {
        benchmark: [
            Line(
                run,
                [row["score"] for row in own],
                [row["mos"] for row in own],
                [row["low"] for row in own],
                [row["high"] for row in own],
            )
            for run, own in runs.items()
        ]
        for benchmark, runs in bins.items()
    }


def residuals(judged: pd.DataFrame) -> pd.DataFrame:
    """Mean distance of the MOS from the line through scores and MOS, by content and by kind.

    Columns: run, benchmark, by (content or kind), group, n, mean and deviation (in units of the
    MOS; positive: better than the policy said; deviation among the videos of a group, missing for
    one video). A benchmark whose scores are all equal has no line, and no row.
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


def residual_dots(rows: Iterable[Row], run: str) -> dict[tuple[str, str], list[Dot]]:
    """Benchmark and `by` to a dot for each group, from the most overrated on."""
    dots: dict[tuple[str, str], list[Dot]] = {}
    for row in rows:
        if row["run"] == run:
            mean, reach = row["mean"], row["deviation"] or 0
            dot = Dot(row["benchmark"], str(row["group"]), mean, mean - reach, mean + reach)
            dots.setdefault((row["benchmark"], row["by"]), []).append(dot)
    return {
        place: sorted(own, key=lambda dot: (dot.value or 0, dot.place))
        for place, own in dots.items()
    }


def uncertainty(predictions: Sequence[Path], manifests: Mapping[str, Path]) -> pd.DataFrame:
    """Spread and error of each video, of every run and benchmark whose predictions have a spread.

    It is that of the score shown in the tables, or else of the expectation or of the mean. Columns:
    run, benchmark, score (its kind), video, spread, error (distance of the MOS from the line
    through scores and MOS).
    """
    parts = [pd.DataFrame(columns=UNCERTAINTY)]
    for given in map(read_predictions, predictions):
        kinds: tuple[ScoreKind, ...] = (given.score, "expected", "mean")
        kind = next((kind for kind in kinds if f"{kind}_spread" in given.table.columns), None)
        if kind is None:
            continue
        labels = read_columns(manifests[given.benchmark], ["video", "mos"], MANIFEST)
        known = given.table[["video", kind, f"{kind}_spread"]].dropna().merge(labels, on="video")
        if len(known) >= _FEWEST and known[kind].nunique() > 1:
            part = known.assign(
                run=given.run, benchmark=given.benchmark, score=kind,
                spread=known[f"{kind}_spread"], error=errors_of(known[kind], known["mos"]),
            )  # fmt: skip
            parts.append(part[list(UNCERTAINTY)])
    return pd.concat(parts[1:] or parts, ignore_index=True)


def ranks(lines: Sequence[Row]) -> pd.DataFrame:
    """The rank by SRCC of every method on every benchmark: 1 is the best, equal ones share theirs.

    Correlations of different sets differ in size, and one hard set moves an average; ranks do not.
    Of the main table's `lines` those count that are no averages, may be ranked and have an SRCC; of
    our runs the score that the tables show. Columns: method, training_data, ours, domain,
    benchmark, srcc, rank, methods (how many were ranked there).
    """
    counted: dict[tuple[Any, ...], Row] = {}
    for line in lines:
        if line["benchmark"] not in AVERAGES and line["ranked"] and line["srcc"] is not None:
            # The first line of a method is of the score that counts.
            counted.setdefault((line["method"], line["training_data"], line["benchmark"]), line)
    table = pd.DataFrame(list(counted.values()), columns=RANKS[:6])
    of_benchmark = table.groupby("benchmark", sort=False)["srcc"]
    table["rank"] = of_benchmark.transform(lambda srcc: rankdata(-srcc.to_numpy(dtype=float)))
    table["methods"] = of_benchmark.transform("size")
    return table


def preference_dots(rows: Iterable[Row]) -> dict[str, list[Dot]]:
    """Benchmark to a dot for each run and kind of perturbation, of rows of the preference table."""
    dots: dict[str, list[Dot]] = {}
    for row in rows:
        kind = str(row["kind"]).replace("_", " ")
        dot = Dot(row["run"], kind, row["preference"], row["low"], row["high"])
        dots.setdefault(row["benchmark"], []).append(dot)
    return dots


def panels_for(columns: Iterable[str]) -> dict[str, str]:
    """Columns of a history to the titles of their panels; each reward has a panel.

    >>> list(panels_for(["step", "reward", "rewards/format", "kl"]))[:3]
    ['reward', 'rewards/format', 'kl']
    """
    rewards = [name for name in columns if name.startswith(_REWARD)]
    titles = {name: f"{name.removeprefix(_REWARD)} reward" for name in rewards}
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


def curve_lines(table: pd.DataFrame) -> dict[str, list[Line]]:
    """Column of `training_curves` to its lines: of each run every logged step, and the trend."""
    lines: dict[str, list[Line]] = {}
    for name in panels_for(table.columns):
        for run, own in table.groupby("run", sort=False):
            # A step without rollouts has no reward, but is no gap.
            values = pd.to_numeric(own.set_index("step")[name]).dropna()
            if values.empty:
                continue
            steps, window = values.index.tolist(), max(1, len(values) // _WINDOWS)
            trend = values.rolling(window, center=True, min_periods=1).mean()
            if window > 1:
                lines.setdefault(name, []).append(Line(run, steps, values.tolist(), faint=True))
            lines.setdefault(name, []).append(Line(run, steps, trend.tolist()))
    return lines
