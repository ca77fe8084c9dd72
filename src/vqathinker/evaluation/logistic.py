"""PLCC and RMSE after VQEG's logistic, which maps scores to the scale of the MOS.

Source: VQEG's final report on validation of objective models (2000), with four parameters:
`f(x) = b2 + (b1 - b2) / (1 + exp(-(x - b3) / |b4|))`. The raw PLCC is the authors' measure; these
two measures have names of their own.

For a given middle b3 and width |b4| the best b1 and b2 follow from linear least squares, in either
direction, so only b3 and b4 are searched for. The search has several starts, because its error has
local minima where scores form clusters. Straight lines and exponentials are limits of the curve
(b3 or b4 to infinity); the search is bounded, and the line of least squares is a candidate.

The curve is fitted once and kept in resamples. That is right to first order: at the least squares
neither measure changes with the curve's parameters.
"""

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import least_squares
from scipy.special import expit

from vqathinker.evaluation.intervals import Resampled, few_groups
from vqathinker.evaluation.measures import correlations
from vqathinker.evaluation.resampling import Floats, Moments, group_numbers, resample_counts

_FEWEST = 5  # different scores: one more than the curve has parameters
# Starts, in units of the spread of the scores: each width at each quantile of the scores.
_WIDTHS = (0.02, 0.2, 2.0)
_QUANTILES = (0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95)
_REFINED = 5  # starts with the least error, from which the search goes on
_FARTHEST_MIDDLE = 1e3  # in units of the spread plus the width
_SMALLEST = 1e-200  # sum of squares of a curve that is not flat
_LOG_WIDTHS = (np.log(1e-6), np.log(1e3))


class LogisticFit(NamedTuple):
    """The scores on the scale of the MOS (videos,), PLCC and RMSE; None, with the reason."""

    mapped: Floats | None
    plcc: float | None
    rmse: float | None
    reason: str | None


def fit_logistic(scores: ArrayLike, mos: ArrayLike) -> LogisticFit:
    """Fit the curve to `scores` and `mos`, both (videos,); RMSE is in units of the MOS."""
    x, y = np.asarray(scores, dtype=float), np.asarray(mos, dtype=float)
    if reason := correlations(x, y)["reason"]:
        return LogisticFit(None, None, None, reason)
    if (different := len(np.unique(x))) < _FEWEST:
        reason = f"{different} different scores; the logistic needs {_FEWEST}"
        return LogisticFit(None, None, None, reason)
    centre, scale = y.mean(), y.std()
    z = (y - centre) / scale
    mapped = centre + scale * min(_candidates(x, z), key=lambda found: _squares(found - z))
    plcc = correlations(mapped, y)["plcc"]
    if plcc is None:
        return LogisticFit(None, None, None, "the logistic maps all scores to one")
    return LogisticFit(mapped, plcc, float(np.sqrt(np.mean((mapped - y) ** 2))), None)


def resample_logistic(
    scores: ArrayLike,
    mos: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    generator: np.random.Generator,
    resamples: int,
) -> tuple[Resampled, Resampled]:
    """PLCC and RMSE after the logistic, resampled; the arguments are those of `bootstrap`."""
    x, y = np.asarray(scores, dtype=float), np.asarray(mos, dtype=float)
    fit, numbers = fit_logistic(x, y), group_numbers(groups, len(y))
    number = len(np.unique(numbers))
    reason = fit.reason or few_groups(number, len(y))
    drawn = np.empty((2, 0))
    if fit.mapped is not None and reason is None:
        moments, squares = Moments(fit.mapped, y), (fit.mapped - y) ** 2
        blocks = [
            (moments.correlations(counts), np.sqrt(squares @ counts / counts.sum(axis=0)))
            for counts in resample_counts(numbers, resamples, generator)
        ]
        drawn = np.concatenate(blocks, axis=1)
    plcc, rmse = (
        Resampled(value, replicates, len(y), number - 1.0, reason).checked()
        for value, replicates in zip((fit.plcc, fit.rmse), drawn, strict=True)
    )
    return plcc, rmse


def _candidates(x: Floats, z: Floats) -> Iterator[Floats]:
    """The line, and a curve for each refined start; all mapped to the standardised MOS `z`."""
    standard = (x - x.mean()) / x.std()
    yield np.mean(standard * z) * standard
    # An outlier makes the deviation many times as wide as the bulk of the scores.
    quartiles = np.ptp(np.quantile(x, [0.25, 0.75]))
    narrow = 0 < quartiles < x.std() / 10
    for spread in (x.std(), quartiles) if narrow else (x.std(),):
        yield from _curves((x - np.median(x)) / spread, z)


def _curves(x: Floats, z: Floats) -> Iterator[Floats]:
    """Curves of the starts with the least error, refined; `x` are scores in units of a spread."""
    starts = [
        (np.clip(middle / (1 + width), -_FARTHEST_MIDDLE, _FARTHEST_MIDDLE), np.log(width))
        for middle, width in product(np.unique(np.quantile(x, _QUANTILES)), _WIDTHS)
    ]
    starts.sort(key=lambda start: _squares(_projected(x, z, start) - z))
    bounds = tuple(zip((-_FARTHEST_MIDDLE, _FARTHEST_MIDDLE), _LOG_WIDTHS, strict=True))
    for start in starts[:_REFINED]:
        found = least_squares(lambda at: _projected(x, z, at) - z, start, bounds=bounds)
        yield _projected(x, z, found.x)


def _projected(x: Floats, z: Floats, at: ArrayLike) -> Floats:
    """The curve with a given middle and width that is nearest to `z`, whose mean is 0.

    `at` holds the middle, divided by 1 plus the width so that exponentials are within the bounds,
    and the logarithm of the width.
    """
    offset, log_width = np.asarray(at)
    width = np.exp(log_width)
    middle = offset * (1 + width)
    # The same curve from either side; far in a tail only the side that tends to 0 has digits.
    up = _curve(x, middle, width) if middle > 0 else -_curve(-x, -middle, width)
    centred = up - up.mean()
    square = _squares(centred)
    return centred * (centred @ z / square) if square > _SMALLEST else np.zeros_like(z)


def _squares(values: Floats) -> float:
    return float(values @ values)


def _curve(x: Floats, middle: float, width: float) -> Floats:
    with np.errstate(over="ignore"):
        return expit((x - middle) / width)
