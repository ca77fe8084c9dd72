"""Significance of differences between runs, and averages over the seeds of a run.

Paired bootstrap, Holm's correction over the p values of a table, and seeds as a second source of
variation in addition to the videos.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from vqathinker.evaluation.intervals import Statistic, pooled_dof


class Comparison(NamedTuple):
    """First minus second, its interval and two-sided p value; undefined parts are None."""

    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    reason: str | None


class SeedAverage(NamedTuple):
    """Mean over runs that differ only in their seed, and the seeds' standard deviation."""

    mean: Statistic
    spread: float | None


def compare(first: Statistic, second: Statistic, confidence: float = 0.95) -> Comparison:
    """Paired bootstrap of the difference between two runs of one `bootstrap`, or their averages.

    `p` is the level at which the interval touches 0: p < 0.05 means that the 95 % interval excludes
    0. If no resample reaches 0, the smaller of this and the p value of Student's t is taken, where
    t is the difference divided by the standard deviation of the resamples.
    """
    difference = None
    if first.value is not None and second.value is not None:
        difference = first.value - second.value
    if reason := first.reason or second.reason:
        return Comparison(difference, None, None, None, reason)
    replicates = first.replicates - second.replicates
    both = Statistic(difference, replicates, first.n, first.dof)
    found = both.estimate(confidence)
    p = None if found.reason else _two_sided_p(both)
    return Comparison(difference, found.low, found.high, p, found.reason)


def _two_sided_p(drawn: Statistic) -> float:
    number = len(drawn.replicates)
    below = int((drawn.replicates <= 0).sum())
    above = int((drawn.replicates >= 0).sum())
    share = min(0.5, (min(below, above) + 1) / (number + 1))  # never 0
    distance = -float(norm.ppf(share)) / math.sqrt((drawn.dof + 1) / drawn.dof)
    if min(below, above) == 0 and drawn.value is not None:
        # The number of resamples bounds p from below; Student's t has no such bound.
        error = float(drawn.replicates.std(ddof=1))
        distance = max(distance, abs(drawn.value) / error if error > 0 else math.inf)
    return float(2 * student.sf(distance, drawn.dof))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's correction (1979) over all p values of a table; None is passed through, not counted.

    >>> holm([0.01, None, 0.04, 0.03])
    [0.03, None, 0.06, 0.06]
    """
    known = sorted((p, at) for at, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, at) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * p))
        adjusted[at] = largest
    return adjusted


def average_over_seeds(runs: Sequence[Statistic], generator: np.random.Generator) -> SeedAverage:
    """Mean over seeds, with an interval that covers other videos and other seeds.

    In each resample of the videos, seeds are also drawn with replacement. Their deviations are
    scaled by sqrt(k / (k - 1)) to make the variance unbiased. The mean of one run is the run
    itself.
    """
    first, number = runs[0], len(runs)
    values = [run.value for run in runs if run.value is not None]
    reason = next((run.reason for run in runs if run.reason), None)
    mean = float(np.mean(values)) if len(values) == number else None
    spread = float(np.std(values, ddof=1)) if mean is not None and number > 1 else None
    if reason is not None:
        return SeedAverage(Statistic(mean, np.empty(0), first.n, 0.0, reason), spread)
    if spread is None:
        return SeedAverage(first, None)
    replicates = np.mean([run.replicates for run in runs], axis=0)  # variation over videos
    deviations = (np.array(values) - np.mean(values)) * math.sqrt(number / (number - 1))
    drawn = deviations[generator.integers(0, number, (number, len(replicates)))].mean(axis=0)
    variances = [float(replicates.var()), spread**2 / number]
    dof = pooled_dof(variances, [first.dof, number - 1.0])
    return SeedAverage(Statistic(mean, replicates + drawn, first.n, dof), spread)
