"""PLCC and RMSE after VQEG's logistic mapping of scores to the scale of the MOS.

Source: VQEG's final report on the validation of objective models (2000), with four parameters:
`f(x) = b2 + (b1 - b2) / (1 + exp(-(x - b3) / |b4|))`. The authors report PLCC of raw scores, so
these two measures have their own names.

For a given middle b3 and width |b4|, linear least squares gives the best b1 and b2, for rising and
falling curves, so only b3 and b4 are searched. The search has several starts, because its error has
local minima where scores form clusters. Straight lines and exponentials are limits of the curve (b3
or b4 to infinity). The search is bounded, and the least-squares line is a candidate.

The curve is fitted once and kept in all resamples. This is correct to first order: at the
least-squares optimum, neither measure changes with the curve's parameters.
"""

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import least_squares
from scipy.special import expit

from vqathinker.evaluation.intervals import Statistic, too_few_groups
from vqathinker.evaluation.measures import correlations
from vqathinker.evaluation.resampling import Floats, Moments, group_numbers, resample_counts

_MIN_SCORES = 5  # distinct scores: one more than the curve has parameters
# Starts: each width, in units of the scores' spread, at each quantile of the scores.
_WIDTHS = (0.02, 0.2, 2.0)
_QUANTILES = (0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95)
_N_REFINED = 5  # starts with the least error that are refined
_MAX_MIDDLE = 1e3  # in units of the spread plus the width
_MIN_SUM_OF_SQUARES = 1e-200  # a curve with a smaller sum of squares is flat
_LOG_WIDTHS = (np.log(1e-6), np.log(1e3))


class LogisticFit(NamedTuple):
    """Scores mapped to the MOS scale (videos,), PLCC and RMSE; None with a reason if undefined."""

    mapped: Floats | None
    plcc: float | None
    rmse: float | None
    reason: str | None


def fit_logistic(scores: ArrayLike, mos: ArrayLike) -> LogisticFit:
    """Fit the curve to `scores` and `mos`, both (videos,); RMSE is in units of the MOS."""
    x, y = np.asarray(scores, dtype=float), np.asarray(mos, dtype=float)
    if reason := correlations(x, y)["reason"]:
        return LogisticFit(None, None, None, reason)
    if (different := len(np.unique(x))) < _MIN_SCORES:
        reason = f"{different} distinct scores; the logistic fit needs {_MIN_SCORES}"
        return LogisticFit(None, None, None, reason)
    centre, scale = y.mean(), y.std()  # standardised, so that tolerances fit every MOS scale
    z = (y - centre) / scale
    mapped = centre + scale * min(_candidates(x, z), key=lambda found: _sum_of_squares(found - z))
    plcc = correlations(mapped, y)["plcc"]
    if plcc is None:
        return LogisticFit(None, None, None, "the logistic maps all scores to the same value")
    return LogisticFit(mapped, plcc, float(np.sqrt(np.mean((mapped - y) ** 2))), None)


def resample_logistic(
    scores: ArrayLike,
    mos: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    generator: np.random.Generator,
    resamples: int,
) -> tuple[Statistic, Statistic]:
    """Bootstrap resamples of PLCC and RMSE after the logistic fit; arguments as in `bootstrap`."""
    x, y = np.asarray(scores, dtype=float), np.asarray(mos, dtype=float)
    fit, numbers = fit_logistic(x, y), group_numbers(groups, len(y))
    number = len(np.unique(numbers))
    reason = fit.reason or too_few_groups(number, len(y))
    drawn = np.empty((2, 0))  # PLCC and RMSE, without an interval
    if fit.mapped is not None and reason is None:
        moments, squares = Moments(fit.mapped, y), (fit.mapped - y) ** 2
        blocks = [
            (moments.correlations(counts), np.sqrt(squares @ counts / counts.sum(axis=0)))
            for counts in resample_counts(numbers, resamples, generator)
        ]
        drawn = np.concatenate(blocks, axis=1)
    plcc, rmse = (
        Statistic(value, replicates, len(y), number - 1.0, reason).with_reason()
        for value, replicates in zip((fit.plcc, fit.rmse), drawn, strict=True)
    )
    return plcc, rmse


def _candidates(x: Floats, z: Floats) -> Iterator[Floats]:
    """The least-squares line and a curve for each refined start, fitted to the standardised `z`."""
    standard = (x - x.mean()) / x.std()
    yield np.mean(standard * z) * standard
    # With an outlier, the standard deviation is much wider than the bulk of the scores.
    quartiles = np.ptp(np.quantile(x, [0.25, 0.75]))
    narrow = 0 < quartiles < x.std() / 10
    for spread in (x.std(), quartiles) if narrow else (x.std(),):
        yield from _curves((x - np.median(x)) / spread, z)


def _curves(x: Floats, z: Floats) -> Iterator[Floats]:
    """Refined curves of the best starts; `x` are scores in units of a spread."""
    starts = [
        (np.clip(middle / (1 + width), -_MAX_MIDDLE, _MAX_MIDDLE), np.log(width))
        for middle, width in product(np.unique(np.quantile(x, _QUANTILES)), _WIDTHS)
    ]
    starts.sort(key=lambda start: _sum_of_squares(_best_curve(x, z, start) - z))
    bounds = tuple(zip((-_MAX_MIDDLE, _MAX_MIDDLE), _LOG_WIDTHS, strict=True))
    for start in starts[:_N_REFINED]:
        found = least_squares(lambda at: _best_curve(x, z, at) - z, start, bounds=bounds)
        yield _best_curve(x, z, found.x)


def _best_curve(x: Floats, z: Floats, at: ArrayLike) -> Floats:
    """The curve nearest to `z` (mean 0) with the middle and width in `at`.

    `at` holds the middle, divided by 1 plus the width so that exponentials are within the bounds,
    and the logarithm of the width.
    """
    offset, log_width = np.asarray(at)
    width = np.exp(log_width)
    middle = offset * (1 + width)
    # Both forms are the same curve. Far in a tail, only the one near 0 keeps its precision.
    up = _curve(x, middle, width) if middle > 0 else -_curve(-x, -middle, width)
    # The best b1 and b2 are a projection: z has mean 0, so only the slope is free.
    centred = up - up.mean()
    square = _sum_of_squares(centred)
    return centred * (centred @ z / square) if square > _MIN_SUM_OF_SQUARES else np.zeros_like(z)


def _sum_of_squares(values: Floats) -> float:
    return float(values @ values)


def _curve(x: Floats, middle: float, width: float) -> Floats:
    with np.errstate(over="ignore"):
        return expit((x - middle) / width)
