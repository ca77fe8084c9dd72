"""Pairs of scores: which one is higher. Needs no pandas, so that `score --compare` does not."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

TIE = 1e-4  # scores nearer than this are equal: rounding moves them as far, and no scale tells it


def outcomes(raw: ArrayLike, perturbed: ArrayLike) -> NDArray[np.float64]:
    """Outcome of each pair of finite scores (n,): 1, 0, or one half for a tie.

    >>> outcomes([3.2, 3.2, 3.2], [3.1, 3.2, 3.3]).tolist()
    [1.0, 0.5, 0.0]
    """
    difference = np.asarray(raw, dtype=float) - np.asarray(perturbed, dtype=float)
    tied = np.abs(difference).round(9) < TIE  # 3.0001 - 3.0 is a little less than 0.0001
    return np.where(tied, 0.5, np.where(difference > 0, 1.0, 0.0))


def share_of_wins(first: ArrayLike, second: ArrayLike) -> float:
    """Mean outcome of every score of `first` (n,) against every one of `second` (m,), 0..1."""
    return float(outcomes(*np.meshgrid(first, second)).mean())
