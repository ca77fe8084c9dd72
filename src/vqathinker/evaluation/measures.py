"""How well scores agree with MOS, and whether their spread tells of their error.

Source: docs/method.md, section 6: correlations of raw predictions with raw MOS, no logistic fit
and no rescaling.
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

_SAME = 6  # decimals in which scores have to differ to count as different
_FEWEST = 3  # through two points any line is a perfect one


class Correlations(TypedDict):
    """Correlations in -1…1, or None with the reason why there is none."""

    srcc: float | None
    plcc: float | None
    reason: str | None


class ScoreMeasures(Correlations):
    """One kind of score: its correlations, how many videos have it, and how many values it takes.

    `spread_error` tells whether its spread is worth something: the rank correlation of the spread
    with the distance of the MOS from the straight line through scores and MOS; None for greedy.
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
        return _no_correlation("a score or a MOS is no finite number")
    if len(x) < _FEWEST:
        return _no_correlation(f"{len(x)} videos with a score; correlations need {_FEWEST}")
    for name, values in (("scores", x), ("MOS", y)):
        if (values == values[0]).all():
            return _no_correlation(f"all {name} are equal")
    srcc, plcc = _correlation(spearmanr, x, y), _correlation(pearsonr, x, y)
    reason = "numbers too close or too large for Pearson's correlation" if plcc is None else None
    return Correlations(srcc=srcc, plcc=plcc, reason=reason)


def measure_score(predictions: pd.DataFrame, mos: pd.Series, kind: ScoreKind) -> ScoreMeasures:
    """Measure one kind of score; `predictions` and `mos` are of the same videos in one order."""
    there = np.isfinite(predictions[kind].astype(float).to_numpy())
    scores, mos = predictions[kind].astype(float)[there], mos[there]
    found = correlations(scores, mos)
    spread_error = None
    if f"{kind}_spread" in predictions.columns and found["plcc"] is not None:
        spread = predictions[f"{kind}_spread"].astype(float)[there]
        errors = residuals_of(scores, mos).abs()
        known = np.isfinite(spread)
        spread_error = correlations(spread[known], errors[known])["srcc"]
    return ScoreMeasures(
        **found,
        n_scored=int(there.sum()),
        distinct=int(scores.round(_SAME).nunique()),
        spread_error=spread_error,
    )


def residuals_of(scores: pd.Series, mos: pd.Series) -> pd.Series:
    """What is left of each MOS above the straight line of least squares through scores and MOS.

    In units of the MOS, whose scale need not be that of the scores. Not all scores may be equal.
    """
    slope, offset = np.polyfit(scores, mos, 1)
    return mos - (slope * scores + offset)


def _no_correlation(reason: str) -> Correlations:
    return Correlations(srcc=None, plcc=None, reason=reason)


def _correlation(measure: Callable[..., Any], x: ArrayLike, y: ArrayLike) -> float | None:
    """None where the numbers are too close together or too large for floating point."""
    with warnings.catch_warnings(), np.errstate(over="ignore", invalid="ignore"):
        warnings.simplefilter("error", DegenerateDataWarning)
        try:
            value = float(measure(x, y).statistic)
        except DegenerateDataWarning:
            return None
    return value if math.isfinite(value) else None
