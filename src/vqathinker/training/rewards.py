"""The rewards of VQAThinker: regression, ranking, format and temporal consistency, and their sum.

Source: docs/method.md, section 3; authors' `grpo_jsonl.py` and `grpo_trainer.py` at ee47a40.

All functions are pure, on arrays of shape (..., videos, group): `videos` are compared within one
batch, `group` are the G rollouts of a video, leading axes are separate batches (devices). A score
of NaN is a failure. `REWARDS` is the only list of rewards: log, history.csv, progress bar, figures
and the sum follow it. docs/extending.md shows how to add one.

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
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vqathinker.params import AnswerParams, RewardsParams, RewardWeights
from vqathinker.policy.answer import AnswerStatus, Completion, has_format, read_answer
from vqathinker.training.ranking import Floats, batch_arrays, ranking

TemporalRule = Literal["batch", "video", "batch_ranking_only"]

# Means nearer than this are equal: the order of a sum changes them by 1e-12 at most.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class RewardBatch:
    """Input of a reward function; arrays are (batches, videos, group).

    Batches (devices) are separate, so means over a batch run over the last two axes.

    Args:
        completions: text, end and number of tokens of each rollout, (batches · videos, group).
        scores: parsed from the answers; NaN for a failure.
        coarse: whether a score has fewer than two significant decimals.
        tokens: length of each completion.
        mos: labels on the training scale, (batches, videos).
        statuses: how many answers have which status.
        params: section `rewards`; the parameters of reward `x` are `params.x`.
        thinking: whether the prompt asks for a thought.
        perturbed: the rollouts on perturbed copies of the same videos, of a group of another size;
            None unless a weighted reward is in RewardWeights.PERTURBED.
    """

    completions: Sequence[Sequence[Completion]]
    scores: Floats
    coarse: NDArray[np.bool_]
    tokens: NDArray[np.int_]
    mos: Floats
    statuses: Counter[AnswerStatus]
    params: RewardsParams
    thinking: bool
    perturbed: "RewardBatch | None" = None


def read_batch(
    completions: Sequence[Sequence[Completion]], mos: Floats, params: RewardsParams,
    answer: AnswerParams, batches: int, *, thinking: bool, perturbed: RewardBatch | None = None,
) -> RewardBatch:  # fmt: skip
    """Read completions (videos, group) of `batches` equal consecutive parts; `mos` (videos,)."""
    shape = (batches, len(completions) // batches, len(completions[0]))
    every = [completion for group in completions for completion in group]
    answers = [read_answer(completion, answer) for completion in every]
    return RewardBatch(
        completions=completions,
        scores=np.array([each.score for each in answers], dtype=float).reshape(shape),
        coarse=np.array([each.coarse for each in answers], dtype=bool).reshape(shape),
        tokens=np.array([each.tokens for each in every], dtype=int).reshape(shape),
        mos=mos.reshape(shape[:2]),
        statuses=Counter(each.status for each in answers),
        params=params,
        thinking=thinking,
        perturbed=perturbed,
    )


def regression(
    scores: ArrayLike, mos: ArrayLike, coarse: ArrayLike = False, *, sigma: float = 0.5,
    coarse_penalty: float = 0.8,
) -> Floats:  # fmt: skip
    """Bell-shaped closeness to the MOS: `R = exp(-(y - q)² / (2 σ²)) · c`.

    y = `scores` (..., videos, group), q = `mos` (..., videos), both on the training scale; σ =
    `sigma` in the same unit; c = `coarse_penalty` where `coarse`, else 1. Range 0…1; 0 for a
    failure. Source: docs/method.md, section 3.1 (`regression_reward`).

    Raises:
        ValueError: shapes do not fit, or a MOS is not finite.

    >>> regression([[3.0, 3.5, float("nan")]], [3.0]).round(4)
    array([[1.    , 0.6065, 0.    ]])
    >>> regression([[3.0]], [3.0], coarse=[[True]])
    array([[0.8]])
    """
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
    ranking_raw: Floats, regression_raw: Floats, ranking_perturbed: Floats,
    regression_perturbed: Floats, *, rule: TemporalRule = "batch", bonus: float = 0.3,
    ranking_above: float = 0.5, regression_above: float = 0.9,
) -> tuple[Floats, Floats]:  # fmt: skip
    """What is added to the ranking and to the regression reward when frame order mattered.

    A reward passes when `mean R(raw) ≥ mean R(perturbed)`, where means that differ by less than
    1e-9 are equal; then every raw rollout with R above its threshold gets `bonus`. Arrays are
    (..., videos, group), the perturbed group may have another size; results have the raw shape and
    hold 0 or `bonus`. `rule` says over what the means run and what passes: "batch": videos and
    group, each reward by itself (released code); "video": the group of each video, each reward by
    itself; "batch_ranking_only": videos and group, both rewards must pass and only ranking gets the
    bonus (code of 2025-08-05).
    Source: docs/method.md, section 3.4 (`grpo_trainer.py`).

    >>> raw, perturbed = np.array([[0.95, 0.40]]), np.array([[0.30, 0.20]])
    >>> to_ranking, to_regression = temporal(raw, raw, perturbed, perturbed)
    >>> to_ranking, to_regression
    (array([[0.3, 0. ]]), array([[0.3, 0. ]]))
    """
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
    how, weights, perturbed = batch.params.temporal, batch.params.weights, batch.perturbed
    if perturbed is None:
        return np.zeros_like(batch.scores)
    to_ranking, to_regression = temporal(
        _ranking(batch), _regression(batch), _ranking(perturbed), _regression(perturbed),
        rule=how.rule, bonus=how.bonus, ranking_above=how.ranking_above,
        regression_above=how.regression_above,
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
    if single := REWARDS.keys() ^ given.keys():
        raise ValueError(
            f"{', '.join(sorted(single))}: expected both an entry of REWARDS in "
            "training/rewards.py and a field of RewardWeights in params/training.py"
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
    completions: Sequence[Sequence[Completion]], mos: Sequence[float],
    perturbed: Sequence[Sequence[Completion]] | None, params: RewardsParams, answer: AnswerParams,
    *, devices: int = 1, thinking: bool = True,
) -> RewardTable:  # fmt: skip
    """Read and reward G completions for each video; the sum is what GRPO maximises.

    `completions` are (videos, group), `perturbed` (videos, any group), None if no weighted reward
    compares with perturbed copies; `mos` (videos,) is on the training scale, as `answer.range` is.
    With `ranking.scope` "device" the videos are `devices` equal consecutive batches that do not see
    each other; otherwise they are one batch. `thinking`: of the format.

    Raises:
        ValueError: a MOS that is not finite, or rewards that do not fit their weights or the
            batch.
    """
    labels = np.asarray(mos, dtype=float)
    batches = devices if params.ranking.scope == "device" else 1
    copies = None
    if perturbed is not None:
        copies = read_batch(perturbed, labels, params, answer, batches, thinking=thinking)
    batch = read_batch(
        completions, labels, params, answer, batches, thinking=thinking, perturbed=copies
    )
    shape = (len(completions), batch.scores.shape[-1])
    rewards: dict[str, Floats] = {}
    total = np.zeros(shape)
    for name, weight in reward_weights(params.weights).items():
        values = np.asarray(REWARDS[name](batch), dtype=float)
        if values.size != batch.scores.size or (weight and not np.isfinite(values).all()):
            raise ValueError(
                f"reward {name!r} has shape {values.shape}; expected {batch.scores.shape}, a "
                "finite number for each rollout, such as 0 for a failure, whose score is NaN"
            )
        rewards[name] = values.reshape(shape)
        if weight:  # a reward of weight 0 is logged and does not touch the sum
            total = total + weight * rewards[name]
    return RewardTable(
        rewards=rewards,
        total=total,
        scores=batch.scores.reshape(shape),
        statuses=batch.statuses,
        perturbed_statuses=Counter() if copies is None else copies.statuses,
    )


def _not_lower(raw: Floats, perturbed: Floats, over: tuple[int, ...]) -> NDArray[np.bool_]:
    difference = raw.mean(axis=over, keepdims=True) - perturbed.mean(axis=over, keepdims=True)
    return np.asarray(difference >= -_ROUNDING)
