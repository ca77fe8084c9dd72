"""Correlations of scores with MOS, and of a score's spread with its error.

Source: docs/method.md, section 6: correlations of raw predictions with raw MOS, without logistic
fit or rescaling.
"""

import math
import warnings
from collections.abc import Callable
from typing import Any, TypedDict

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import DegenerateDataWarning, pearsonr, spearmanr

from vqathinker.params import ScoreKind

_DECIMALS = 6  # scores that are equal to this precision count as one value
_MIN_VIDEOS = 3  # two points always lie on a line


class Correlations(TypedDict):
    """SRCC and PLCC in -1…1, or None with a reason."""

    srcc: float | None
    plcc: float | None
    reason: str | None


class ScoreMeasures(Correlations):
    """One kind of score: its correlations, number of scored videos, and number of distinct values.

    `spread_error` shows whether the spread predicts the error: the rank correlation of the spread
    with the distance of the MOS from the straight line through scores and MOS. It is None for
    greedy scores.
    """

    n_scored: int
    distinct: int
    spread_error: float | None


def correlations(scores: ArrayLike, mos: ArrayLike) -> Correlations:
    """Spearman's and Pearson's correlation of `scores` (n,) with `mos` (n,).

    >>> correlations([1.0, 2.0, 4.0], [10, 20, 30])["srcc"]
    1.0
    >>> correlations([3.0, 3.0, 3.0], [10, 20, 30])
    {'srcc': None, 'plcc': None, 'reason': 'all scores are equal'}
    """
    x, y = np.asarray(scores, dtype=float), np.asarray(mos, dtype=float)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return _no_correlation("a score or a MOS is not finite")
    if len(x) < _MIN_VIDEOS:
        return _no_correlation(f"{len(x)} videos with a score; correlations need {_MIN_VIDEOS}")
    for name, values in (("scores", x), ("MOS", y)):
        if (values == values[0]).all():  # the correlation would be 0 / 0
            return _no_correlation(f"all {name} are equal")
    srcc, plcc = _correlation(spearmanr, x, y), _correlation(pearsonr, x, y)
    reason = "values too close or too large for Pearson's correlation" if plcc is None else None
    return Correlations(srcc=srcc, plcc=plcc, reason=reason)


def measure_score(predictions: pd.DataFrame, mos: pd.Series, kind: ScoreKind) -> ScoreMeasures:
    """Measure one kind of score; `predictions` and `mos` have the same videos in the same order."""
    scored = np.isfinite(predictions[kind].astype(float).to_numpy())
    scores, mos = predictions[kind].astype(float)[scored], mos[scored]
    found = correlations(scores, mos)
    spread_error = None
    if f"{kind}_spread" in predictions.columns and found["plcc"] is not None:
        spread = predictions[f"{kind}_spread"].astype(float)[scored]
        errors = linear_residuals(scores, mos).abs()
        known = np.isfinite(spread)
        spread_error = correlations(spread[known], errors[known])["srcc"]
    return ScoreMeasures(
        **found,
        n_scored=int(scored.sum()),
        distinct=int(scores.round(_DECIMALS).nunique()),
        spread_error=spread_error,
    )


def linear_residuals(scores: pd.Series, mos: pd.Series) -> pd.Series:
    """MOS minus the least-squares line through scores and MOS, in units of the MOS.

    The MOS may have another scale than the scores. The scores must not all be equal.
    """
    slope, offset = np.polyfit(scores, mos, 1)
    return mos - (slope * scores + offset)


def _no_correlation(reason: str) -> Correlations:
    return Correlations(srcc=None, plcc=None, reason=reason)


def _correlation(measure: Callable[..., Any], x: ArrayLike, y: ArrayLike) -> float | None:
    """None if the values are too close together or too large for floating point."""
    with warnings.catch_warnings(), np.errstate(over="ignore", invalid="ignore"):
        warnings.simplefilter("error", DegenerateDataWarning)
        try:
            value = float(measure(x, y).statistic)
        except DegenerateDataWarning:
            return None
    return value if math.isfinite(value) else None
