"""Resamples of a benchmark's videos, and thousands of correlations at once.

A resample is represented by the count of each video. Spearman's correlation needs the mid-ranks
within the resample: these are cumulative counts in an order of the videos that is computed once.
Pearson's needs five weighted sums, which are one matrix product.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_BLOCK = 1 << 16  # counts at a time: half a MB, which fits in the processor's cache
_ROUNDING = 1e-12  # a variance below this share of the mean square is rounding


def group_numbers(groups: ArrayLike | None, n: int) -> Integers:
    """Index of the group of each video, from 0: contents (n,), or each of `n` videos if None."""
    if groups is None:
        return np.arange(n)
    return np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.int64)


def resample_counts(
    groups: Integers, resamples: int, generator: np.random.Generator
) -> Iterator[Floats]:
    """Counts of each video in each resample, in blocks (videos, at most a block's resamples).

    `groups` (videos,) are indices from 0. Each resample draws as many groups as there are, with
    replacement, and takes all videos of each.
    """
    number = int(groups.max()) + 1
    alone = number == len(groups) and np.array_equal(groups, np.arange(number))
    size = max(1, _BLOCK // len(groups))
    for start in range(0, resamples, size):
        columns = min(size, resamples - start)
        drawn = generator.integers(0, number, (number, columns))  # a group for each draw
        # Offsets make one bincount of all resamples: cell (group, resample) of the table.
        drawn *= columns
        drawn += np.arange(columns)
        counted = np.bincount(drawn.ravel(), minlength=number * columns)
        counts = counted.reshape(number, columns).astype(np.float64)
        yield counts if alone else counts[groups]  # (videos, resamples of the block)


class MidRanks:
    """Mid-ranks of values (videos,) within resamples.

    The buffers are reused for the next block, because allocation costs more than the arithmetic.
    """

    def __init__(self, values: Floats) -> None:
        self._order = np.argsort(values, kind="stable")
        ordered = values[self._order]
        self._below = np.searchsorted(ordered, values, side="left")  # videos with a smaller value
        self._up_to = np.searchsorted(ordered, values, side="right")  # and those with an equal one
        self._buffers = [np.empty((0, 0))] * 3

    def centred(self, counts: Floats) -> Floats:
        """Twice the mid-ranks in each resample, minus twice their mean; shape of `counts`.

        The returned array is overwritten by the next call.
        """
        videos, columns = counts.shape
        if self._buffers[0].shape[1] != columns:
            self._buffers = [np.zeros((videos + more, columns)) for more in (1, 0, 0)]
        cumulated, ranks, other = self._buffers
        np.take(counts, self._order, axis=0, out=ranks, mode="clip")
        np.cumsum(ranks, axis=0, out=cumulated[1:])
        np.take(cumulated, self._below, axis=0, out=ranks, mode="clip")
        np.take(cumulated, self._up_to, axis=0, out=other, mode="clip")
        ranks += other  # counts below plus counts up to and including: twice the mid-rank
        ranks -= cumulated[-1]
        return ranks


def rank_correlations(x: Floats, y: Floats, counts: Floats) -> Floats:
    """Spearman's correlation in each resample from centred ranks; NaN if one is constant."""
    weighted = counts * x
    covariance = np.einsum("vr,vr->r", weighted, y)
    product = np.einsum("vr,vr->r", weighted, x) * np.einsum("vr,vr,vr->r", counts, y, y)
    return _ratio(covariance, product)


class Moments:
    """Pearson's correlation of x and y, both (videos,), in resamples."""

    def __init__(self, x: Floats, y: Floats) -> None:
        x, y = x - x.mean(), y - y.mean()
        x, y = x / _largest(x), y / _largest(y)  # no square overflows or underflows
        self._rows = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y])  # (6, videos)

    def correlations(self, counts: Floats) -> Floats:
        """Pearson's correlation in each resample; NaN if x or y is constant."""
        n, x, y, xx, yy, xy = self._rows @ counts  # weighted sums, each (resamples,)
        x_spread, y_spread = xx - x * x / n, yy - y * y / n
        constant = (x_spread <= _ROUNDING * xx) | (y_spread <= _ROUNDING * yy)
        return _ratio(xy - x * y / n, np.where(constant, 0, x_spread * y_spread))


def _largest(values: Floats) -> float:
    return float(np.abs(values).max()) or 1.0


def _ratio(covariance: Floats, product: Floats) -> Floats:
    defined = product > 0
    root = np.sqrt(np.where(defined, product, 1))
    return np.where(defined, np.clip(covariance / root, -1, 1), np.nan)
