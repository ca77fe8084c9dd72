"""KRCC, Kendall's tau-b, and its interval.

The interval is the jackknife's, leaving out a video or a content at a time, on Fisher's scale: tau
is a mean over pairs, for which leaving out is exact and quick, and drawing again is neither.
"""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import kendalltau
from scipy.stats import t as student

from vqathinker.evaluation.estimates import Estimate, few_groups
from vqathinker.evaluation.measures import correlations
from vqathinker.evaluation.resampling import Floats, Integers, group_numbers

__all__ = ["krcc"]

_ROWS = 256  # videos compared with all others at a time


def krcc(
    scores: ArrayLike, mos: ArrayLike, groups: ArrayLike | None = None, *, confidence: float = 0.95
) -> Estimate:
    """Kendall's tau-b of `scores` with `mos`, both (videos,), -1…1, with its interval.

    `groups` (videos,) are contents, which are left out as wholes; None: videos are.
    """
    x, y = np.asarray(scores, dtype=float), np.asarray(mos, dtype=float)
    found = correlations(x, y)
    if found["srcc"] is None:
        return Estimate(None, None, None, found["reason"])
    value = float(kendalltau(x, y).statistic)
    numbers = group_numbers(groups, len(x))
    number = int(numbers.max()) + 1
    if reason := few_groups(number, len(x)):
        return Estimate(value, None, None, reason)
    agreeing, x_differ, y_differ = _left_out(x, y, numbers)
    if (np.minimum(x_differ, y_differ) <= 0).any():
        return Estimate(value, None, None, "not defined without one of the groups: all are equal")
    without = np.clip(agreeing / np.sqrt(x_differ * y_differ), -1, 1)
    if abs(value) > 1 - 1e-12 or (np.abs(without) == 1).any():
        return Estimate(value, None, None, "a perfect order, which tells of no error")
    z = np.arctanh(without)
    error = math.sqrt((number - 1) / number * float(((z - z.mean()) ** 2).sum()))
    half = float(student.ppf((1 + confidence) / 2, number - 1)) * error
    middle = math.atanh(value)
    return Estimate(value, math.tanh(middle - half), math.tanh(middle + half), None)


def _left_out(x: Floats, y: Floats, groups: Integers) -> Floats:
    """Sums over ordered pairs of videos, without each group in turn: (3, groups).

    Of concordance (1, 0 or -1), of pairs that differ in x, and of pairs that differ in y.
    """
    number = int(groups.max()) + 1
    total, touched, within = np.zeros(3), np.zeros((3, number)), np.zeros((3, number))
    for start in range(0, len(x), _ROWS):
        rows = slice(start, start + _ROWS)
        x_sign = np.sign(x[rows, None] - x)
        y_sign = np.sign(y[rows, None] - y)
        same = groups[rows, None] == groups
        for at, pairs in enumerate((x_sign * y_sign, np.abs(x_sign), np.abs(y_sign))):
            sums = pairs.sum(axis=1)
            total[at] += sums.sum()
            touched[at] += np.bincount(groups[rows], sums, number)
            own = np.einsum("rv,rv->r", pairs, same)
            within[at] += np.bincount(groups[rows], own, number)
    return total[:, None] - 2 * touched + within
