"""A statistic with its replicates, and the interval that they give.

The percentiles are those of Student's t with as many degrees of freedom as groups less one, which
widens intervals over few groups (Hesterberg, 2015, "What teachers should know about the
bootstrap", section 4: the expanded percentile interval). What its coverage is, tests measure.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from vqathinker.evaluation.resampling import Floats

__all__ = [
    "FEWEST_GROUPS",
    "Estimate",
    "Resampled",
    "few_groups",
    "fisher",
    "pooled_freedom",
    "t_quantile",
]

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

    @classmethod
    def checked(
        cls,
        value: float | None,
        replicates: Floats,
        n: int,
        freedom: float,
        draws: tuple[object, ...],
        reason: str | None,
    ) -> Self:
        """With a reason instead of replicates where any of them is not defined."""
        undefined = int(np.isnan(replicates).sum())
        if reason is None and undefined:
            reason = f"not defined in {undefined} of {len(replicates)} resamples of its videos"
        kept = np.empty(0) if reason else replicates
        return cls(value, kept, n, freedom, draws, reason)

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
