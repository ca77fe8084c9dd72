"""PLCC and RMSE after VQEG's logistic, which maps scores to the scale of the MOS.

Source: VQEG's final report on validation of objective models (2000), with four parameters:
`f(x) = b2 + (b1 - b2) / (1 + exp(-(x - b3) / |b4|))`. The raw PLCC is the authors' measure; these
two have names of their own and never stand for it.

The curve is fitted once and stays as it is in resamples. That is right to first order: at the least
squares neither measure changes with the curve's parameters.
"""

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import OptimizeWarning, curve_fit
from scipy.special import expit

from vqathinker.evaluation.estimates import Resampled, few_groups
from vqathinker.evaluation.measures import correlations
from vqathinker.evaluation.resampling import Floats, Moments, group_numbers, resample_counts

__all__ = ["LogisticFit", "fit_logistic", "resample_logistic"]

_FEWEST = 5  # different scores: one more than the curve has parameters
_MOST_CALLS = 5000  # of the curve, for a fit to converge


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
        return _no_fit(reason)
    if (different := len(np.unique(x))) < _FEWEST:
        return _no_fit(f"{different} different scores; the logistic needs {_FEWEST}")
    x, centre, scale = (x - x.mean()) / x.std(), y.mean(), y.std()
    try:
        with warnings.catch_warnings():
            # An uncertainty of the parameters that cannot be told is none of the curve.
            warnings.simplefilter("ignore", OptimizeWarning)
            found, _ = curve_fit(
                _curve, x, (y - centre) / scale, p0=(1.0, -1.0, 0.0, 0.5), maxfev=_MOST_CALLS
            )
    except RuntimeError:
        return _no_fit(f"the logistic did not converge in {_MOST_CALLS} steps")
    mapped = centre + scale * _curve(x, *found)
    plcc = correlations(mapped, y)["plcc"]
    if plcc is None:
        return _no_fit("the logistic maps all scores to one")
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
    draws = (object(),)
    plcc, rmse = (
        Resampled.checked(value, replicates, len(y), number - 1.0, draws, reason)
        for value, replicates in zip((fit.plcc, fit.rmse), drawn, strict=True)
    )
    return plcc, rmse


def _curve(x: Floats, top: float, bottom: float, middle: float, width: float) -> Floats:
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        steep = (x - middle) / np.abs(width)
    return bottom + (top - bottom) * expit(np.nan_to_num(steep))


def _no_fit(reason: str) -> LogisticFit:
    return LogisticFit(None, None, None, reason)
