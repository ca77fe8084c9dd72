"""Pairwise accuracy: of two videos of a set, how often the better one has the higher score.

Source: QualiRAG's table 4, which prints 87.17 / 77.33 / 62.08 % of KoNViD-1k, VDPVE and
LIVE-YT-HFR for the released weights; its pairs are not published. Each video meets one other, so
1,200, 839 and 480 videos make 600, 419 and 240 pairs; of an odd number one video is left over.

A pair of equal MOS has no better video and does not count. Equal scores are half right.
"""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t as student

from vqathinker.evaluation.estimates import Estimate, few_groups
from vqathinker.evaluation.measures import correlations
from vqathinker.evaluation.resampling import Floats, Integers, group_numbers

__all__ = ["draw_pairs", "pairwise_accuracy"]


def draw_pairs(videos: int, generator: np.random.Generator) -> Integers:
    """Positions of the two videos of each pair (videos // 2, 2); no video is in two pairs."""
    return generator.permutation(videos)[: videos // 2 * 2].reshape(-1, 2).astype(np.int64)


def pairwise_accuracy(
    scores: ArrayLike,
    mos: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    pairs: Integers,
    confidence: float = 0.95,
) -> Estimate:
    """Part of `pairs` (see `draw_pairs`) that `scores` (videos,) order as `mos` does, 0…1.

    The interval is Wilson's. Where pairs share contents, `groups` (videos,), it counts them as
    fewer, by the variance that holds for pairs with a content in common, and takes Student's t.
    """
    x, y = np.asarray(scores, dtype=float), np.asarray(mos, dtype=float)
    if (found := correlations(x, y))["srcc"] is None:
        return Estimate(None, None, None, found["reason"])
    pairs = pairs[y[pairs[:, 0]] != y[pairs[:, 1]]]
    if not len(pairs):
        return Estimate(None, None, None, "no pair of videos with different MOS")
    told = np.sign(x[pairs[:, 0]] - x[pairs[:, 1]]) * np.sign(y[pairs[:, 0]] - y[pairs[:, 1]])
    right = (told + 1) / 2
    value = float(right.mean())
    numbers = group_numbers(groups, len(x))
    number = len(np.unique(numbers))
    if reason := few_groups(number, len(x)) or few_groups(len(pairs), len(pairs)):
        return Estimate(value, None, None, reason)
    alone = number == len(x)
    freedom = (len(pairs) if alone else number) - 1
    wide = float(student.ppf((1 + confidence) / 2, freedom))
    effect = 1.0 if alone else _design_effect(right - value, numbers[pairs])
    return Estimate(value, *_wilson(value, len(pairs) / effect, wide), None)


def _design_effect(errors: Floats, contents: Integers) -> float:
    """Variance of the mean error of pairs, their shared contents counted, over that without.

    `errors` (pairs,) and `contents` (pairs, 2). Two pairs go together when they share a content;
    the sum over contents counts those twice that share both.
    """
    alone = float((errors**2).sum())
    if alone == 0:
        return 1.0
    ordered = np.sort(contents, axis=1)
    number = int(contents.max()) + 1
    twice = ordered[:, 0] != ordered[:, 1]
    sums = np.bincount(ordered[:, 0], errors, number)
    sums += np.bincount(ordered[twice, 1], errors[twice], number)
    both = np.bincount(ordered[twice] @ np.array([number, 1]), errors[twice])
    together = float((sums**2).sum() - (both**2).sum()) * number / (number - 1)
    return max(1.0, together / alone)


def _wilson(share: float, n: float, wide: float) -> tuple[float, float]:
    """Wilson's interval (1927) of a share of n, `wide` standard errors to each side."""
    square = wide * wide
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = wide / (1 + square / n) * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)
