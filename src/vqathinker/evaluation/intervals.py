"""Bootstrap intervals for correlations, and for averages of correlations over data sets.

Videos are drawn with replacement; contents with all their videos where several videos share one.
The percentiles are those of Student's t with one degree of freedom less than there are groups,
which widens intervals over few groups (Hesterberg, 2015, "What teachers should know about the
bootstrap", section 4: the expanded percentile interval). The tests measure the coverage.
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

FEWEST_GROUPS = 6  # fewer videos or contents do not tell how others would come out
_ROUNDING = 1e-12


class Estimate(NamedTuple):
    """A value with its interval; None, with the reason, for what is not defined."""

    value: float | None
    low: float | None
    high: float | None
    reason: str | None


@dataclass(frozen=True, eq=False)
class Resampled:
    """A statistic of one set or several, and its `replicates` (resamples,).

    If it is not defined, `value` is None and `replicates` is empty; `reason` says why, or why there
    is no interval. `n` counts videos; `freedom` is the degrees of freedom of the interval, groups
    less one.
    """

    value: float | None
    replicates: Floats
    n: int
    freedom: float
    reason: str | None = None

    def checked(self) -> Self:
        """With a reason instead of replicates where any of them is not defined."""
        undefined, reason = int(np.isnan(self.replicates).sum()), self.reason
        if reason is None and undefined:
            number = len(self.replicates)
            reason = f"not defined in {undefined} of {number} resamples of its videos"
        return replace(self, replicates=np.empty(0), reason=reason) if reason else self

    def estimate(self, confidence: float = 0.95) -> Estimate:
        """The value, and the interval that covers the true one in `confidence` of all samples."""
        if self.reason is not None or self.value is None:
            return Estimate(self.value, None, None, self.reason)
        tail = float(norm.cdf(-t_quantile(confidence, self.freedom)))
        low, high = np.quantile(self.replicates, [tail, 1 - tail])
        if high - low < _ROUNDING:
            return Estimate(self.value, None, None, "the same in every resample; no error to see")
        return Estimate(self.value, float(low), float(high), None)


def few_groups(groups: int, videos: int) -> str | None:
    """Why so few contents, or videos, give no interval; None if they are enough."""
    if groups >= FEWEST_GROUPS:
        return None
    what = ("video" if groups == videos else "content") + "s" * (groups != 1)
    return f"{groups} {what} to draw from; an interval needs {FEWEST_GROUPS}"


def pooled_freedom(variances: Sequence[float], freedoms: Sequence[float]) -> float:
    """Degrees of freedom of a sum of independent parts, by Welch and Satterthwaite."""
    parts = sum(v * v / f for v, f in zip(variances, freedoms, strict=True) if v > 0)
    return float(sum(variances) ** 2 / parts) if parts else float(sum(freedoms))


def t_quantile(confidence: float, freedom: float) -> float:
    """Half width, in standard errors of a bootstrap over `freedom` + 1 groups."""
    wide = float(student.ppf((1 + confidence) / 2, freedom))
    return wide * math.sqrt((freedom + 1) / freedom)


def fisher(
    correlation: float | None, n: int, confidence: float = 0.95, *, ranks: bool = False
) -> tuple[float, float] | None:
    """Interval of a correlation of n independent videos by Fisher's z; None where it has none.

    For `ranks`, SRCC, the variance is that of Bonett and Wright (2000), (1 + r²/2) / (n - 3).
    """
    if correlation is None or n <= FEWEST_GROUPS or abs(correlation) >= 1:
        return None
    variance = (1 + correlation**2 / 2 if ranks else 1) / (n - 3)
    half = float(norm.ppf((1 + confidence) / 2)) * math.sqrt(variance)
    z = math.atanh(correlation)
    return math.tanh(z - half), math.tanh(z + half)


class Agreement(NamedTuple):
    """SRCC and PLCC of one run on one set, over the same resamples."""

    srcc: Resampled
    plcc: Resampled


def generator_of(seed: int, name: str) -> np.random.Generator:
    """The generator of what is drawn for `name`, a benchmark say, whatever else is drawn."""
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
    """Resample SRCC and PLCC of runs with the MOS of one set, the same resamples for all runs.

    `scores` are finite (runs, videos), `mos` (videos,). `groups` (videos,) are contents, which are
    drawn as wholes; None draws videos. A generator in one state draws the same `resamples` for the
    same number of groups.
    """
    runs, y = np.atleast_2d(np.asarray(scores, dtype=float)), np.asarray(mos, dtype=float)
    numbers = group_numbers(groups, len(y))
    number = len(np.unique(numbers))
    points = [correlations(run, y) for run in runs]
    reasons = [point["reason"] or few_groups(number, len(y)) for point in points]
    replicates = np.empty((len(runs), 2, 0))
    if sound := [at for at, reason in enumerate(reasons) if reason is None]:
        replicates = np.empty((len(runs), 2, resamples))
        replicates[sound] = _replicates(runs[sound], y, numbers, resamples, generator)
    return [
        Agreement(
            *(
                Resampled(value, one, len(y), number - 1.0, reason).checked()
                for value, one in zip((point["srcc"], point["plcc"]), drawn, strict=True)
            )
        )
        for point, reason, drawn in zip(points, reasons, replicates, strict=True)
    ]


def average_over_sets(
    sets: Sequence[Resampled], weights: Sequence[float] | None = None
) -> Resampled:
    """Mean over sets that were resampled independently; `n` counts the videos resampled in them.

    `weights` of the sets are by default their numbers of videos, as in the published averages. If
    the statistic is not defined in a set, the average is not defined either.
    """
    reason = next((one.reason for one in sets if one.reason), None) if sets else "no set"
    n = sum(one.n for one in sets)
    values = [one.value for one in sets if one.value is not None]
    if not sets or len(values) < len(sets):
        return Resampled(None, np.empty(0), n, 0.0, reason)
    sizes = np.array([one.n for one in sets] if weights is None else weights, dtype=float)
    shares = sizes / sizes.sum()
    value = float(shares @ np.array(values))
    if reason is not None:
        return Resampled(value, np.empty(0), n, 0.0, reason)
    replicates = shares @ np.stack([one.replicates for one in sets])
    variances = [(w * one.replicates.std()) ** 2 for w, one in zip(shares, sets, strict=True)]
    freedom = pooled_freedom(variances, [one.freedom for one in sets])
    return Resampled(value, replicates, n, freedom)


def _replicates(
    runs: Floats, mos: Floats, groups: Integers, resamples: int, generator: np.random.Generator
) -> Floats:
    """SRCC and PLCC in each resample: (runs, 2, resamples)."""
    ranks, mos_ranks = [MidRanks(run) for run in runs], MidRanks(mos)
    moments = [Moments(run, mos) for run in runs]
    blocks = []
    for counts in resample_counts(groups, resamples, generator):
        y = mos_ranks.centred(counts)
        block = [
            (rank_correlations(x.centred(counts), y, counts), both.correlations(counts))
            for x, both in zip(ranks, moments, strict=True)
        ]
        blocks.append(np.array(block))
    return np.concatenate(blocks, axis=2)
