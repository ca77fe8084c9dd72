"""Resamples of a benchmark's videos, and thousands of correlations at once.

A resample is represented by the count of each video. Spearman's correlation needs the mid-ranks
within the resample: cumulative counts along an order of the videos that is computed once. Pearson's
needs five weighted sums, which are one matrix product.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_BLOCK = 1 << 16  # counts at a time: half a MB, which stays in the processor's cache
_ROUNDING = 1e-12  # a variance below this part of the mean square is rounding only


def group_numbers(groups: ArrayLike | None, n: int) -> Integers:
    """Numbers from 0 of what is resampled together: of the contents (n,), or of `n` videos."""
    if groups is None:
        return np.arange(n)
    return np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.int64)


def resample_counts(
    groups: Integers, resamples: int, generator: np.random.Generator
) -> Iterator[Floats]:
    """How often each video is in each resample, in blocks (videos, up to a block's resamples).

    `groups` (videos,) are numbers from 0; a resample draws as many of them as there are, with
    replacement, and takes all videos of each.
    """
    number = int(groups.max()) + 1
    alone = number == len(groups) and np.array_equal(groups, np.arange(number))
    size = max(1, _BLOCK // len(groups))
    for start in range(0, resamples, size):
        columns = min(size, resamples - start)
        drawn = generator.integers(0, number, (number, columns))
        drawn *= columns
        drawn += np.arange(columns)
        counted = np.bincount(drawn.ravel(), minlength=number * columns)
        counts = counted.reshape(number, columns).astype(np.float64)
        yield counts if alone else counts[groups]


class MidRanks:
    """Mid-ranks of values (videos,) within resamples.

    Its arrays are used again for the next block: fresh ones cost more than the arithmetic.
    """

    def __init__(self, values: Floats) -> None:
        self._order = np.argsort(values, kind="stable")
        ordered = values[self._order]
        self._below = np.searchsorted(ordered, values, side="left")
        self._up_to = np.searchsorted(ordered, values, side="right")
        self._rooms = [np.empty((0, 0))] * 3

    def centred(self, counts: Floats) -> Floats:
        """Twice the mid-ranks in each resample less twice their mean; shape of `counts`.

        What is returned holds until the next call.
        """
        videos, columns = counts.shape
        if self._rooms[0].shape[1] != columns:
            self._rooms = [np.zeros((videos + more, columns)) for more in (1, 0, 0)]
        cumulated, ranks, other = self._rooms
        np.take(counts, self._order, axis=0, out=ranks, mode="clip")
        np.cumsum(ranks, axis=0, out=cumulated[1:])
        np.take(cumulated, self._below, axis=0, out=ranks, mode="clip")
        np.take(cumulated, self._up_to, axis=0, out=other, mode="clip")
        ranks += other
        ranks -= cumulated[-1]
        return ranks


def rank_correlations(x: Floats, y: Floats, counts: Floats) -> Floats:
    """Spearman's correlation in each resample from centred ranks; NaN where one is constant."""
    weighted = counts * x
    covariance = np.einsum("vr,vr->r", weighted, y)
    product = np.einsum("vr,vr->r", weighted, x) * np.einsum("vr,vr,vr->r", counts, y, y)
    return _ratio(covariance, product)


class Moments:
    """Pearson's correlation of x and y, both (videos,), in resamples."""

    def __init__(self, x: Floats, y: Floats) -> None:
        x, y = x - x.mean(), y - y.mean()
        x, y = x / _largest(x), y / _largest(y)  # so that no square overflows or vanishes
        self._rows = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y])

    def correlations(self, counts: Floats) -> Floats:
        """Pearson's correlation in each resample; NaN where x or y is constant."""
        n, x, y, xx, yy, xy = self._rows @ counts
        x_spread, y_spread = xx - x * x / n, yy - y * y / n
        constant = (x_spread <= _ROUNDING * xx) | (y_spread <= _ROUNDING * yy)
        return _ratio(xy - x * y / n, np.where(constant, 0, x_spread * y_spread))


def _largest(values: Floats) -> float:
    return float(np.abs(values).max()) or 1.0


def _ratio(covariance: Floats, product: Floats) -> Floats:
    defined = product > 0
    root = np.sqrt(np.where(defined, product, 1))
    return np.where(defined, np.clip(covariance / root, -1, 1), np.nan)
