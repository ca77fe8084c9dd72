"""What a batch of rewarded rollouts says about how a policy learns, beside the rewards."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import spearmanr

from vqathinker.policy.answer import FAILURES
from vqathinker.training.ranking import Floats
from vqathinker.training.rewards import RewardTable

__all__ = ["has_answer", "has_spread", "measure"]

_DECIMALS = 9  # of means that are ranked: equal ones may differ in the last bit


def measure(table: RewardTable, mos: Sequence[float]) -> dict[str, float]:
    """Numbers of a batch by the name of their column; one that the batch does not have is missing.

    `mos` (videos,) on the training scale. `failures/<status>` are shares of the rollouts,
    `failures_perturbed` of those on perturbed copies, all statuses together. `spread/reward` and
    `spread/score` are the mean over groups of the unbiased standard deviation within a group, of
    the total reward and of the readable scores. `score_error` is the mean of score - MOS, `srcc`
    Spearman's correlation of the groups' mean scores with the MOS.
    """
    rollouts, copies = max(1, table.statuses.total()), table.perturbed_statuses.total()
    found = {f"failures/{status}": table.statuses[status] / rollouts for status in FAILURES}
    if copies:
        failed = sum(table.perturbed_statuses[status] for status in FAILURES)
        found["failures_perturbed"] = failed / copies
    found["spread/reward"] = float(table.total.std(axis=1, ddof=1).mean())
    answered = [(group[~np.isnan(group)], q) for group, q in zip(table.scores, mos, strict=True)]
    if spreads := [scores.std(ddof=1) for scores, _ in answered if len(scores) > 1]:
        found["spread/score"] = float(np.mean(spreads))
    if errors := [scores - q for scores, q in answered if len(scores)]:
        found["score_error"] = float(np.concatenate(errors).mean())
    means = [(round(float(scores.mean()), _DECIMALS), q) for scores, q in answered if len(scores)]
    pairs = np.array(means).reshape(-1, 2)
    if len(pairs) > 2 and (np.ptp(pairs, axis=0) > 0).all():
        found["srcc"] = float(spearmanr(*pairs.T).statistic)
    return found


def has_spread(rewards: Floats) -> bool:
    """Whether rollouts of any group got different rewards (videos, group); else none is learned."""
    return bool((np.ptp(rewards, axis=1) > 1e-8).any())


def has_answer(scores: Floats) -> bool:
    """Whether any rollout has a readable score; NaN is none."""
    return bool((~np.isnan(scores)).any())
