"""Pairwise outcomes of scores, without pandas: `score --compare` starts faster without it."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

TIE = 1e-4  # smaller differences are ties: rounding alone can cause them


def outcomes(raw: ArrayLike, perturbed: ArrayLike) -> NDArray[np.float64]:
    """Outcome of each pair of finite scores (n,): 1, 0, or 0.5 for a tie.

    >>> outcomes([3.2, 3.2, 3.2], [3.1, 3.2, 3.3]).tolist()
    [1.0, 0.5, 0.0]
    """
    difference = np.asarray(raw, dtype=float) - np.asarray(perturbed, dtype=float)
    tied = np.abs(difference).round(9) < TIE  # 3.0001 - 3.0 is a little less than 0.0001
    return np.where(tied, 0.5, np.where(difference > 0, 1.0, 0.0))


def share_of_wins(first: ArrayLike, second: ArrayLike) -> float:
    """Mean outcome of all pairs of scores from `first` (n,) and `second` (m,), in 0…1."""
    return float(outcomes(*np.meshgrid(first, second)).mean())
