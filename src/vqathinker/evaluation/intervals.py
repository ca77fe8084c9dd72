"""How sure a correlation, or a mean of correlations over sets, is: bootstrap intervals.

Videos are drawn with replacement, or contents with all their videos where several videos show one.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from vqathinker.evaluation.estimates import Resampled, few_groups, pooled_freedom
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

__all__ = ["Agreement", "average_over_sets", "bootstrap", "generator_of"]


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
    number = len(np.unique(numbers))
    points = [correlations(run, y) for run in runs]
    reasons = [point["reason"] or few_groups(number, len(y)) for point in points]
    replicates = np.empty((len(runs), 2, 0))
    if sound := [at for at, reason in enumerate(reasons) if reason is None]:
        replicates = np.empty((len(runs), 2, resamples))
        replicates[sound] = _replicates(runs[sound], y, numbers, resamples, generator)
    draws = (object(),)
    return [
        Agreement(
            *(
                Resampled.checked(value, one, len(y), number - 1.0, draws, reason)
                for value, one in zip((point["srcc"], point["plcc"]), drawn, strict=True)
            )
        )
        for point, reason, drawn in zip(points, reasons, replicates, strict=True)
    ]


def average_over_sets(
    sets: Sequence[Resampled], weights: Sequence[float] | None = None
) -> Resampled:
    """Mean over sets that were resampled independently; `n` counts the videos resampled in them.

    The published averages are weighted. A set in which the statistic is not defined makes the
    average undefined, so leave out the sets that must not count.

    Args:
        sets: one statistic of each set.
        weights: of each set; None: the number of videos resampled in it.
    """
    reason = next((one.reason for one in sets if one.reason), None) if sets else "no set"
    n, draws = sum(one.n for one in sets), tuple(draw for one in sets for draw in one.draws)
    values = [one.value for one in sets if one.value is not None]
    if not sets or len(values) < len(sets):
        return Resampled(None, np.empty(0), n, 0.0, draws, reason)
    sizes = np.array([one.n for one in sets] if weights is None else weights, dtype=float)
    shares = sizes / sizes.sum()
    value = float(shares @ np.array(values))
    if reason is not None:
        return Resampled(value, np.empty(0), n, 0.0, draws, reason)
    replicates = shares @ np.stack([one.replicates for one in sets])
    variances = [(w * one.replicates.std()) ** 2 for w, one in zip(shares, sets, strict=True)]
    freedom = pooled_freedom(variances, [one.freedom for one in sets])
    return Resampled(value, replicates, n, freedom, draws)


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
