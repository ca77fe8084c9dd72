"""How sure a correlation, a mean of correlations or a difference is: bootstrap intervals.

Videos are drawn with replacement, or contents with all their videos where several videos show one.
The percentiles are those of Student's t with as many degrees of freedom as groups less one, which
widens intervals over few groups (Hesterberg, 2015, "What teachers should know about the
bootstrap", section 4: the expanded percentile interval). What its coverage is, tests measure.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm
from scipy.stats import t as student

from vqathinker.evaluation.measures import correlations
from vqathinker.evaluation.resampling import (
    Floats,
    MidRanks,
    Moments,
    group_numbers,
    rank_correlations,
    resample_counts,
)

__all__ = [
    "FEWEST_GROUPS",
    "Agreement",
    "Estimate",
    "Resampled",
    "average_over_sets",
    "bootstrap",
    "fisher",
    "generator_of",
    "t_quantile",
]

FEWEST_GROUPS = 6  # of fewer videos or contents no resample tells how others would come out


class Estimate(NamedTuple):
    """A value with its interval; None, with the reason, for what is not defined."""

    value: float | None
    low: float | None
    high: float | None
    reason: str | None


@dataclass(frozen=True, eq=False)
class Resampled:
    """A statistic of one set, or of several, and what it is in each resample.

    `value` is None, and `replicates` (resamples,) is empty, where it is not defined; `reason` says
    why, or why there is no interval. `n` counts videos; `freedom` is the degrees of freedom of the
    interval, groups less one. Statistics over the same resamples have the same `draws`.
    """

    value: float | None
    replicates: Floats
    n: int
    freedom: float
    draws: tuple[object, ...]
    reason: str | None = None

    def estimate(self, confidence: float = 0.95) -> Estimate:
        """The value, and the interval that covers the true one in `confidence` of all samples."""
        if self.reason is not None or self.value is None:
            return Estimate(self.value, None, None, self.reason)
        tail = float(norm.cdf(-t_quantile(confidence, self.freedom)))
        low, high = np.quantile(self.replicates, [tail, 1 - tail])
        return Estimate(self.value, float(low), float(high), None)


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

    Args:
        scores: finite scores (runs, videos) of the same videos; one run is (1, videos).
        mos: their MOS (videos,).
        groups: the content of each video (videos,), which are drawn as wholes; None: videos are.
        generator: draws the resamples; of one state, the same for the same number of groups.
        resamples: how many.

    Returns:
        For each run its agreement, see `Resampled`.
    """
    runs, y = np.atleast_2d(np.asarray(scores, dtype=float)), np.asarray(mos, dtype=float)
    numbers = group_numbers(groups, len(y))
    reasons = [_reason(run, y, numbers) for run in runs]
    points = [_points(run, y) for run in runs]
    sound = [at for at, reason in enumerate(reasons) if reason is None]
    replicates = _replicates(runs[sound], y, numbers, resamples, generator) if sound else None
    draws, freedom = (object(),), float(len(np.unique(numbers)) - 1)
    found = []
    for at, (reason, point) in enumerate(zip(reasons, points, strict=True)):
        both = [
            np.empty(0) if reason or replicates is None else replicates[sound.index(at), which]
            for which in (0, 1)
        ]
        pair = [
            _checked(value, drawn, len(y), freedom, draws, reason)
            for value, drawn in zip(point, both, strict=True)
        ]
        found.append(Agreement(*pair))
    return found


def average_over_sets(sets: Sequence[Resampled], *, weighted: bool = True) -> Resampled:
    """Mean over sets that were resampled each by itself, with equal weights or by videos.

    The published averages are weighted. Sets in which the statistic is not defined are an error of
    the average, too: give those that are to count.
    """
    reason = next((one.reason for one in sets if one.reason), None) if sets else "no set"
    n, draws = sum(one.n for one in sets), tuple(draw for one in sets for draw in one.draws)
    values = [one.value for one in sets if one.value is not None]
    if not sets or len(values) < len(sets):
        return Resampled(None, np.empty(0), n, 0.0, draws, reason)
    sizes = np.array([one.n if weighted else 1 for one in sets], dtype=float)
    weights = sizes / sizes.sum()
    value = float(weights @ np.array(values))
    if reason is not None:
        return Resampled(value, np.empty(0), n, 0.0, draws, reason)
    replicates = weights @ np.stack([one.replicates for one in sets])
    variances = [(w * one.replicates.std()) ** 2 for w, one in zip(weights, sets, strict=True)]
    freedom = pooled_freedom(variances, [one.freedom for one in sets])
    return Resampled(value, replicates, n, freedom, draws)


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


def _points(scores: Floats, mos: Floats) -> tuple[float | None, float | None]:
    if not (np.isfinite(scores).all() and np.isfinite(mos).all()):
        return None, None
    found = correlations(scores, mos)
    return found["srcc"], found["plcc"]


def _reason(scores: Floats, mos: Floats, groups: np.ndarray) -> str | None:
    """Why there is nothing to resample."""
    if not (np.isfinite(scores).all() and np.isfinite(mos).all()):
        return "a score or a MOS is no finite number"
    if reason := correlations(scores, mos)["reason"]:
        return reason
    if (number := len(np.unique(groups))) < FEWEST_GROUPS:
        what = "videos" if number == len(mos) else "contents"
        return f"{number} {what} to draw from; an interval needs {FEWEST_GROUPS}"
    return None


def _replicates(
    runs: Floats, mos: Floats, groups: np.ndarray, resamples: int, generator: np.random.Generator
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


def _checked(
    value: float | None,
    replicates: Floats,
    n: int,
    freedom: float,
    draws: tuple[object, ...],
    reason: str | None,
) -> Resampled:
    undefined = int(np.isnan(replicates).sum())
    if reason is None and undefined:
        reason = f"not defined in {undefined} of {len(replicates)} resamples: too many are equal"
    kept = np.empty(0) if reason else replicates
    return Resampled(value, kept, n, freedom, draws, reason)
