"""The rewards of VQAThinker: regression, ranking, format and temporal consistency, and their sum.

Source: docs/method.md, section 3; authors' `grpo_jsonl.py` and `grpo_trainer.py` at ee47a40.

Everything is a pure function of arrays of shape (..., videos, group): `videos` are those that meet
each other in one batch, `group` the G rollouts of a video; leading axes are batches that do not see
each other (devices). A score of NaN is a failure. `REWARDS` is the only list of rewards: log,
history.csv, progress bar, figures and the sum follow it. docs/extending.md shows how to add one.

Departures from the released code, each with the parameter that restores theirs:
1. A failure (no answer, no number, out of range, cut off: `policy.answer`) gets 0, the lowest
   regression and ranking reward, stays out of the mean and variance of its group and is counted;
   the authors draw a random number. Theirs is not offered.
2. `coarse_penalty` 1 turns the penalty on coarse numbers off; the authors' is 0.8.
3. `ranking.scope` "global" compares across devices; the authors' is "device".
4. `temporal.rule` "video" tests each video by itself; the authors' is "batch" (released code) or
   "batch_ranking_only" (their code of 2025-08-05).
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vqathinker.params import AnswerParams, RewardsParams, RewardWeights
from vqathinker.policy.answer import AnswerStatus, Completion, has_format
from vqathinker.training.ranking import Floats, batch_arrays, ranking
from vqathinker.training.reward_batch import RewardBatch, read_batch

__all__ = [
    "REWARDS",
    "Reward",
    "RewardTable",
    "TemporalRule",
    "answer_format",
    "compute_rewards",
    "ranking",
    "regression",
    "reward_weights",
    "temporal",
]

TemporalRule = Literal["batch", "video", "batch_ranking_only"]

# Means nearer than this are equal: the order of a sum changes them by 1e-12 at most.
_ROUNDING = 1e-9


def regression(
    scores: ArrayLike,
    mos: ArrayLike,
    coarse: ArrayLike = False,
    *,
    sigma: float = 0.5,
    coarse_penalty: float = 0.8,
) -> Floats:
    """Bell-shaped closeness to the MOS: `R = exp(-(y - q)² / (2 σ²)) · c`.

    y = `scores` (..., videos, group), q = `mos` (..., videos), both on the training scale; σ =
    `sigma` in the same unit; c = `coarse_penalty` where `coarse`, else 1. Range 0…1; 0 for a
    failure. Source: docs/method.md, section 3.1 (`regression_reward`).

    Raises:
        ValueError: shapes do not fit, a MOS is not finite, or `sigma` is not positive.

    >>> regression([[3.0, 3.5, float("nan")]], [3.0]).round(4)
    array([[1.    , 0.6065, 0.    ]])
    >>> regression([[3.0]], [3.0], coarse=[[True]])
    array([[0.8]])
    """
    if not sigma > 0:
        raise ValueError(f"sigma is {sigma}; expected a positive width: check rewards.regression")
    y, valid, q = batch_arrays(scores, mos)
    bell = np.exp(-((y - q[..., None]) ** 2) / (2 * sigma**2))
    penalty = np.where(np.asarray(coarse, dtype=bool), coarse_penalty, 1.0)
    return np.where(valid, bell * penalty, 0.0)


def answer_format(completions: Sequence[Sequence[Completion]], *, thinking: bool = True) -> Floats:
    """1 where a completion as a whole has the asked-for tags, else 0; shape (videos, group).

    It looks at the tags only: an answer without a number can have the format. Source:
    docs/method.md, section 3.3 (`format_reward`).

    >>> good, bad = Completion("<think>sharp</think><answer>3.42</answer>"), Completion("3.42")
    >>> answer_format([[good, bad]])
    array([[1., 0.]])
    """
    kept = [[has_format(c.text, thinking=thinking) for c in group] for group in completions]
    return np.array(kept, dtype=float)


def temporal(
    ranking_raw: Floats,
    regression_raw: Floats,
    ranking_perturbed: Floats,
    regression_perturbed: Floats,
    *,
    rule: TemporalRule = "batch",
    bonus: float = 0.3,
    ranking_above: float = 0.5,
    regression_above: float = 0.9,
) -> tuple[Floats, Floats]:
    """What is added to the ranking and to the regression reward when frame order mattered.

    A reward passes when `mean R(raw) ≥ mean R(perturbed)`, where means that differ by less than
    1e-9 are equal; then every raw rollout with R above its threshold gets `bonus`. Arrays are
    (..., videos, group), the perturbed group may have another size; results have the raw shape and
    hold 0 or `bonus`. `rule` says over what the means run and what passes: "batch": videos and
    group, each reward by itself (released code); "video": the group of each video, each reward by
    itself; "batch_ranking_only": videos and group, both rewards must pass and only ranking gets the
    bonus (code of 2025-08-05).
    Source: docs/method.md, section 3.4 (`grpo_trainer.py`).

    Raises:
        ValueError: an unknown rule, or the perturbed rewards are of other videos or empty.

    >>> raw, perturbed = np.array([[0.95, 0.40]]), np.array([[0.30, 0.20]])
    >>> to_ranking, to_regression = temporal(raw, raw, perturbed, perturbed)
    >>> to_ranking, to_regression
    (array([[0.3, 0. ]]), array([[0.3, 0. ]]))
    """
    if rule not in get_args(TemporalRule):
        raise ValueError(f"temporal rule is {rule!r}; expected one of {get_args(TemporalRule)}")
    if ranking_perturbed.shape[:-1] != ranking_raw.shape[:-1]:
        raise ValueError(
            f"perturbed rollouts are of {ranking_perturbed.shape[:-1]} videos, raw ones of "
            f"{ranking_raw.shape[:-1]}; give one perturbed group per video"
        )
    if not ranking_raw.size:
        return np.zeros_like(ranking_raw), np.zeros_like(regression_raw)
    if not ranking_perturbed.size:
        raise ValueError("no perturbed rollout; generate at least one per video, or set bonus to 0")
    over = (-1,) if rule == "video" else (-2, -1)
    ranking_passes = _not_lower(ranking_raw, ranking_perturbed, over)
    regression_passes = _not_lower(regression_raw, regression_perturbed, over)
    if rule == "batch_ranking_only":
        ranking_passes = ranking_passes & regression_passes
        regression_passes = np.zeros_like(regression_passes)
    return (
        np.where(ranking_passes & (ranking_raw > ranking_above), bonus, 0.0),
        np.where(regression_passes & (regression_raw > regression_above), bonus, 0.0),
    )


Reward = Callable[[RewardBatch], Floats]


def _regression(batch: RewardBatch) -> Floats:
    how = batch.params.regression
    return regression(
        batch.scores, batch.mos, batch.coarse, sigma=how.sigma, coarse_penalty=how.coarse_penalty
    )


def _ranking(batch: RewardBatch) -> Floats:
    return ranking(batch.scores, batch.mos, epsilon=batch.params.ranking.epsilon)


def _format(batch: RewardBatch) -> Floats:
    return answer_format(batch.completions, thinking=batch.thinking)


def _temporal(batch: RewardBatch) -> Floats:
    """The two bonuses, each times the weight of the reward that it is added to."""
    how, weights = batch.params.temporal, batch.params.weights
    to_ranking, to_regression = temporal(
        _ranking(batch), _regression(batch), _ranking(batch.perturbed),
        _regression(batch.perturbed), rule=how.rule, bonus=how.bonus,
        ranking_above=how.ranking_above, regression_above=how.regression_above,
    )  # fmt: skip
    return weights.ranking * to_ranking + weights.regression * to_regression


# Every reward by the name of its weight, in the order of the columns of history.csv.
REWARDS: dict[str, Reward] = {
    "regression": _regression,
    "ranking": _ranking,
    "format": _format,
    "temporal": _temporal,
}


def reward_weights(weights: RewardWeights) -> dict[str, float]:
    """The weight of every reward, in the order of `REWARDS`.

    Raises:
        ValueError: a reward without a weight, or a weight without a reward.
    """
    given = {name: float(value) for name, value in weights}
    for name in REWARDS.keys() - given.keys():
        raise ValueError(
            f"reward {name!r} has no weight; expected a field {name} of RewardWeights in "
            "params/training.py"
        )
    for name in given.keys() - REWARDS.keys():
        raise ValueError(
            f"rewards.weights.{name} weighs no reward; expected an entry {name!r} of REWARDS in "
            "training/rewards.py"
        )
    return {name: given[name] for name in REWARDS}


@dataclass(frozen=True)
class RewardTable:
    """All rewards of one batch, each of shape (videos, group).

    `rewards` holds each of `REWARDS` without its weight, `total` = Σ weight · reward. `scores` is
    NaN where there is none. `statuses` counts the answers, `perturbed_statuses` those on perturbed
    copies, by status.
    """

    rewards: dict[str, Floats]
    total: Floats
    scores: Floats
    statuses: Counter[AnswerStatus]
    perturbed_statuses: Counter[AnswerStatus]

    def part(self, start: int, stop: int) -> "RewardTable":
        """The same for some of the videos; statuses stay those of all."""
        return replace(
            self,
            rewards={name: values[start:stop] for name, values in self.rewards.items()},
            total=self.total[start:stop],
            scores=self.scores[start:stop],
        )


def compute_rewards(
    completions: Sequence[Sequence[Completion]],
    mos: Sequence[float],
    perturbed: Sequence[Sequence[Completion]] | None,
    params: RewardsParams,
    answer: AnswerParams,
    *,
    devices: int = 1,
    thinking: bool = True,
) -> RewardTable:
    """Read and reward G completions for each video; the sum is what GRPO maximises.

    `completions` are (videos, group), `perturbed` (videos, any group), None if no weighted reward
    compares with perturbed copies; `mos` (videos,) is on the training scale, as `answer.range` is.
    With `ranking.scope` "device" the videos are `devices` equal consecutive batches that do not see
    each other; otherwise they are one batch. `thinking`: of the format.

    Raises:
        ValueError: ragged groups, another number of labels than of groups, a MOS that is not
            finite, videos that do not divide by `devices`, or rewards that do not fit their
            weights or the batch.
    """
    labels = np.asarray(mos, dtype=float)
    batches = devices if params.ranking.scope == "device" else 1
    if batches < 1 or len(completions) != len(labels) or len(labels) % batches:
        raise ValueError(
            f"{len(completions)} groups of completions for {len(labels)} MOS on {batches} devices; "
            "give one group per video, and as many videos to each device"
        )
    weights, copies = reward_weights(params.weights), None
    if perturbed is not None:
        copies = read_batch(perturbed, labels, params, answer, batches, thinking=thinking)
    batch = read_batch(
        completions, labels, params, answer, batches, thinking=thinking, copies=copies
    )
    shape = (len(completions), batch.scores.shape[-1])
    rewards = {name: _compute(name, batch).reshape(shape) for name in weights}
    for name, weight in weights.items():
        if weight and not np.isfinite(rewards[name]).all():
            raise ValueError(
                f"reward {name!r} is not a finite number for every rollout; scores are NaN for a "
                "failure: give those a reward, too, such as 0"
            )
    # A reward of weight 0 is logged and does not touch the sum, whatever its values.
    weighted = (weight * rewards[name] for name, weight in weights.items() if weight)
    return RewardTable(
        rewards=rewards,
        total=sum(weighted, np.zeros(shape)),
        scores=batch.scores.reshape(shape),
        statuses=batch.statuses,
        perturbed_statuses=Counter() if copies is None else copies.statuses,
    )


def _compute(name: str, batch: RewardBatch) -> Floats:
    """One number for each rollout; 0 if the reward compares with copies that were not made."""
    if name in RewardWeights.PERTURBED and batch.copies is None:
        return np.zeros_like(batch.scores)
    values = np.asarray(REWARDS[name](batch), dtype=float)
    if values.size != batch.scores.size:
        raise ValueError(
            f"reward {name!r} has shape {values.shape}; expected {batch.scores.shape}, a number "
            "for each rollout"
        )
    return values


def _not_lower(raw: Floats, perturbed: Floats, over: tuple[int, ...]) -> NDArray[np.bool_]:
    difference = raw.mean(axis=over, keepdims=True) - perturbed.mean(axis=over, keepdims=True)
    return np.asarray(difference >= -_ROUNDING)
