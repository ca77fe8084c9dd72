"""Bootstrap intervals of correlations, and of averages of correlations over data sets.

Videos are drawn with replacement. If several videos share a content, contents are drawn with all
their videos. The percentiles are those of Student's t with one degree of freedom less than there
are groups, which widens intervals over few groups (Hesterberg, 2015, "What teachers should know
about the bootstrap", section 4: the expanded percentile interval). The tests measure the coverage.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm
from scipy.stats import t as student

from vqathinker.evaluation.measures import correlations
from vqathinker.evaluation.resampling import (
    Floats,
    Integers,
    MidRanks,
    Moments,
    group_numbers,
    rank_correlations,
    resample_counts,
)

MIN_GROUPS = 6  # fewer videos or contents say too little about the spread
_ROUNDING = 1e-12  # a narrower interval is only rounding


class Estimate(NamedTuple):
    """A value with its interval; undefined parts are None, with a reason."""

    value: float | None
    low: float | None
    high: float | None
    reason: str | None


@dataclass(frozen=True, eq=False)
class Statistic:
    """A statistic of one or several sets, with its `replicates` (resamples,).

    If the statistic is undefined, `value` is None. If there is no interval, `replicates` is empty
    and `reason` says why. `n` counts videos; `dof` are the degrees of freedom of the interval: the
    number of groups minus one.
    """

    value: float | None
    replicates: Floats
    n: int
    dof: float
    reason: str | None = None

    def with_reason(self) -> Self:
        """Replace the replicates by a reason if any of them is undefined."""
        undefined, reason = int(np.isnan(self.replicates).sum()), self.reason
        if reason is None and undefined:
            number = len(self.replicates)
            reason = f"undefined in {undefined} of {number} resamples of its videos"
        return replace(self, replicates=np.empty(0), reason=reason) if reason else self

    def estimate(self, confidence: float = 0.95) -> Estimate:
        """The value and its interval, which covers the true value with probability `confidence`."""
        if self.reason is not None or self.value is None:
            return Estimate(self.value, None, None, self.reason)
        # The percentile at which a normal distribution is as wide as the expanded t interval.
        tail = float(norm.cdf(-expanded_t_quantile(confidence, self.dof)))
        low, high = np.quantile(self.replicates, [tail, 1 - tail])
        if high - low < _ROUNDING:
            return Estimate(self.value, None, None, "equal in every resample: no error to estimate")
        return Estimate(self.value, float(low), float(high), None)


def too_few_groups(groups: int, videos: int) -> str | None:
    """The reason why so few contents or videos have no interval; None if there are enough."""
    if groups >= MIN_GROUPS:
        return None
    what = ("video" if groups == videos else "content") + "s" * (groups != 1)
    return f"{groups} {what} to resample; an interval needs {MIN_GROUPS}"


def pooled_dof(variances: Sequence[float], dofs: Sequence[float]) -> float:
    """Degrees of freedom of a sum of independent parts (Welch and Satterthwaite)."""
    parts = sum(v * v / f for v, f in zip(variances, dofs, strict=True) if v > 0)
    return float(sum(variances) ** 2 / parts) if parts else float(sum(dofs))


def expanded_t_quantile(confidence: float, dof: float) -> float:
    """Half-width, in standard errors, for a bootstrap over `dof` + 1 groups."""
    wide = float(student.ppf((1 + confidence) / 2, dof))
    # The bootstrap divides by n, not by n - 1, so its standard error is a little too small.
    return wide * math.sqrt((dof + 1) / dof)


def fisher_interval(
    correlation: float | None, n: int, confidence: float = 0.95, *, ranks: bool = False
) -> tuple[float, float] | None:
    """Fisher's interval of a correlation of n independent videos; None if there is none.

    With `ranks`, for SRCC, the variance is that of Bonett and Wright (2000), (1 + r²/2) / (n - 3).
    """
    if correlation is None or n <= MIN_GROUPS or abs(correlation) >= 1:
        return None
    variance = (1 + correlation**2 / 2 if ranks else 1) / (n - 3)
    half = float(norm.ppf((1 + confidence) / 2)) * math.sqrt(variance)
    z = math.atanh(correlation)
    return math.tanh(z - half), math.tanh(z + half)


class Agreement(NamedTuple):
    """SRCC and PLCC of one run on one set, over the same resamples."""

    srcc: Statistic
    plcc: Statistic


def generator_for(seed: int, name: str) -> np.random.Generator:
    """A generator that depends only on the seed and on `name`, such as a benchmark's name."""
    digest = hashlib.sha256(name.encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "big")])


def bootstrap(
    scores: ArrayLike,
    mos: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    generator: np.random.Generator,
    resamples: int,
) -> list[Agreement]:
    """Resample SRCC and PLCC of several runs on one set, with the same resamples for all runs.

    `scores` are finite (runs, videos), `mos` is (videos,). `groups` (videos,) are contents, each
    drawn with all its videos; if None, videos are drawn. The same generator state and number of
    groups give the same `resamples`.
    """
    runs, y = np.atleast_2d(np.asarray(scores, dtype=float)), np.asarray(mos, dtype=float)
    numbers = group_numbers(groups, len(y))
    number = len(np.unique(numbers))
    points = [correlations(run, y) for run in runs]
    reasons = [point["reason"] or too_few_groups(number, len(y)) for point in points]
    replicates = np.empty((len(runs), 2, 0))  # no interval until resampled
    if sound := [at for at, reason in enumerate(reasons) if reason is None]:
        replicates = np.empty((len(runs), 2, resamples))
        replicates[sound] = _replicates(runs[sound], y, numbers, resamples, generator)
    return [
        Agreement(
            *(
                Statistic(value, one, len(y), number - 1.0, reason).with_reason()
                for value, one in zip((point["srcc"], point["plcc"]), drawn, strict=True)
            )
        )
        for point, reason, drawn in zip(points, reasons, replicates, strict=True)
    ]


def average_over_sets(sets: Sequence[Statistic], weights: Sequence[float]) -> Statistic:
    """Weighted mean over sets that were resampled independently; `n` counts all their videos.

    If the statistic is undefined in one set, so is the average.
    """
    reason = next((one.reason for one in sets if one.reason), None)
    n = sum(one.n for one in sets)
    values = [one.value for one in sets if one.value is not None]
    shares = np.array(weights, dtype=float) / sum(weights)
    value = None if len(values) < len(sets) else float(shares @ np.array(values))
    if reason is not None:
        return Statistic(value, np.empty(0), n, 0.0, reason)
    replicates = shares @ np.stack([one.replicates for one in sets])  # (resamples,)
    variances = [(w * one.replicates.std()) ** 2 for w, one in zip(shares, sets, strict=True)]
    dof = pooled_dof(variances, [one.dof for one in sets])
    return Statistic(value, replicates, n, dof)


def _replicates(
    runs: Floats, mos: Floats, groups: Integers, resamples: int, generator: np.random.Generator
) -> Floats:
    """SRCC and PLCC in each resample: (runs, 2, resamples)."""
    ranks, mos_ranks = [MidRanks(run) for run in runs], MidRanks(mos)
    moments = [Moments(run, mos) for run in runs]
    blocks = []
    for counts in resample_counts(groups, resamples, generator):
        y = mos_ranks.centred(counts)  # (videos, resamples of the block)
        block = [
            (rank_correlations(x.centred(counts), y, counts), both.correlations(counts))
            for x, both in zip(ranks, moments, strict=True)
        ]
        blocks.append(np.array(block))  # (runs, 2, resamples of the block)
    return np.concatenate(blocks, axis=2)  # (runs, 2, resamples)
