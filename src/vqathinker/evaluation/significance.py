"""Significance of differences between runs, and several seeds of one run.

Paired bootstrap, Holm's correction over the p values of a table, and seeds as a second source of
variation in addition to the videos.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from vqathinker.evaluation.intervals import Resampled, pooled_freedom


class Comparison(NamedTuple):
    """First less second, its interval, and the two-sided p value; None with the reason."""

    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    reason: str | None


class Seeds(NamedTuple):
    """Mean over runs that differ in their seed only, and their standard deviation (None of one)."""

    mean: Resampled
    spread: float | None


def compare(first: Resampled, second: Resampled, confidence: float = 0.95) -> Comparison:
    """Paired bootstrap of a difference between two runs of one `bootstrap`, or their averages.

    `p` is where the interval just touches 0: p < 0.05 says that the 95 % interval leaves 0 out.
    Where no resample reaches 0, it is that of Student's t of the difference over the deviation of
    the resamples, if that is less.
    """
    difference = None
    if first.value is not None and second.value is not None:
        difference = first.value - second.value
    if reason := first.reason or second.reason:
        return Comparison(difference, None, None, None, reason)
    replicates = first.replicates - second.replicates
    both = Resampled(difference, replicates, first.n, first.freedom)
    found = both.estimate(confidence)
    p = None if found.reason else _two_sided(both)
    return Comparison(difference, found.low, found.high, p, found.reason)


def _two_sided(drawn: Resampled) -> float:
    number = len(drawn.replicates)
    below = int((drawn.replicates <= 0).sum())
    above = int((drawn.replicates >= 0).sum())
    share = min(0.5, (min(below, above) + 1) / (number + 1))
    distance = -float(norm.ppf(share)) / math.sqrt((drawn.freedom + 1) / drawn.freedom)
    if min(below, above) == 0 and drawn.value is not None:
        # The number of resamples bounds p from below; Student's t goes on where they end.
        error = float(drawn.replicates.std(ddof=1))
        distance = max(distance, abs(drawn.value) / error if error > 0 else math.inf)
    return float(2 * student.sf(distance, drawn.freedom))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's correction (1979) over all comparisons of a table; None stays None and counts not.

    >>> holm([0.01, None, 0.04, 0.03])
    [0.03, None, 0.06, 0.06]
    """
    there = sorted((p, at) for at, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, at) in enumerate(there):
        largest = max(largest, min(1.0, (len(there) - rank) * p))
        adjusted[at] = largest
    return adjusted


def over_seeds(runs: Sequence[Resampled], generator: np.random.Generator) -> Seeds:
    """Mean over seeds, in an interval that holds for other videos and for other seeds.

    In each resample of the videos the seeds, too, are drawn with replacement; their deviations are
    stretched by sqrt(k / (k - 1)), so that their variance is the unbiased one. One run is itself.
    """
    first, number = runs[0], len(runs)
    values = [run.value for run in runs if run.value is not None]
    reason = next((run.reason for run in runs if run.reason), None)
    mean = float(np.mean(values)) if len(values) == number else None
    spread = float(np.std(values, ddof=1)) if mean is not None and number > 1 else None
    if reason is not None:
        return Seeds(Resampled(mean, np.empty(0), first.n, 0.0, reason), spread)
    if spread is None:
        return Seeds(first, None)
    replicates = np.mean([run.replicates for run in runs], axis=0)
    deviations = (np.array(values) - np.mean(values)) * math.sqrt(number / (number - 1))
    drawn = deviations[generator.integers(0, number, (number, len(replicates)))].mean(axis=0)
    variances = [float(replicates.var()), spread**2 / number]
    freedom = pooled_freedom(variances, [first.freedom, number - 1.0])
    return Seeds(Resampled(mean, replicates + drawn, first.n, freedom), spread)
