"""The rewards of VQAThinker: regression, ranking, format and temporal consistency, and their sum.

All functions are pure, on arrays of shape (..., videos, group): `videos` of one batch are compared
with each other, `group` are the G rollouts of a video, leading axes are separate device batches.
A score of NaN is a failure. `REWARDS` is the only list of rewards: the sum, the log, history.csv,
the progress bar and the figures follow it. docs/extending.md shows how to add one.

Source: docs/method.md, section 3; authors' `grpo_jsonl.py` and `grpo_trainer.py` at ee47a40.

One departure from the released code, and options that differ from it:
1. A failure (`policy.answer`) gets 0, the lowest regression and ranking reward. It is excluded from
   mean and variance of its group, and counted. The authors draw a random score. Cannot be restored.
2. `coarse_penalty` 1 disables the penalty on coarse scores. Theirs: 0.8.
3. `ranking.scope` "global" compares videos across devices. Theirs: "device".
4. `temporal.rule` "video" tests each video by itself. Theirs: "batch" (released code) or
   "batch_ranking_only" (their code of 2025-08-05).
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vqathinker.params import AnswerParams, RewardsParams, RewardWeights
from vqathinker.policy.answer import AnswerStatus, Completion, has_format, parse_answer
from vqathinker.training.ranking import Floats, check_batch, ranking

TemporalRule = Literal["batch", "video", "batch_ranking_only"]

_TOLERANCE = 1e-9  # of equal means: the order of a sum changes them by 1e-12 at most


@dataclass(frozen=True)
class RewardBatch:
    """Input of a reward function.

    Devices are separate batches, so means over a batch run over the last two axes.
    """

    completions: Sequence[Sequence[Completion]]  # (batches · videos, group)
    scores: Floats  # (batches, videos, group); NaN for a failure
    # (batches, videos, group) fewer than two decimals; final zeros do not count
    coarse: NDArray[np.bool_]
    tokens: NDArray[np.int_]  # (batches, videos, group) length of the completion
    mos: Floats  # (batches, videos) on the training scale
    statuses: Counter[AnswerStatus]
    params: RewardsParams  # the parameters of reward `x` are `params.x`
    thinking: bool  # whether the prompt asks for reasoning
    # Rollouts on perturbed copies of the same videos, whose group may have another size. None
    # unless a reward of RewardWeights.PERTURBED has a weight.
    perturbed: "RewardBatch | None" = None


def parse_batch(
    completions: Sequence[Sequence[Completion]],
    mos: Floats,
    params: RewardsParams,
    answer: AnswerParams,
    batches: int,
    *,
    thinking: bool,
    perturbed: RewardBatch | None = None,
) -> RewardBatch:
    """Parse completions (videos, group), which are `batches` consecutive batches of equal size."""
    shape = (batches, len(completions) // batches, len(completions[0]))
    flat = [completion for group in completions for completion in group]
    answers = [parse_answer(completion, answer) for completion in flat]
    return RewardBatch(
        completions=completions,
        scores=np.array([each.score for each in answers], dtype=float).reshape(shape),
        coarse=np.array([each.coarse for each in answers], dtype=bool).reshape(shape),
        tokens=np.array([each.tokens for each in flat], dtype=int).reshape(shape),
        mos=mos.reshape(shape[:2]),
        statuses=Counter(each.status for each in answers),
        params=params,
        thinking=thinking,
        perturbed=perturbed,
    )


def regression(
    scores: ArrayLike,
    mos: ArrayLike,
    coarse: ArrayLike = False,
    *,
    sigma: float = 0.5,
    coarse_penalty: float = 0.8,
) -> Floats:
    """Closeness of the score to the MOS: `R = exp(-(y - q)² / (2 σ²)) · c`.

    y = `scores` (..., videos, group), q = `mos` (..., videos), both on the training scale; σ =
    `sigma` in the same unit; c = `coarse_penalty` where `coarse`, else 1. Range 0…1; 0 for a
    failure. Source: docs/method.md, section 3.1 (`regression_reward`).

    Raises:
        ValueError: shapes do not match, or a MOS is not finite.

    >>> regression([[3.0, 3.5, float("nan")]], [3.0]).round(4)
    array([[1.    , 0.6065, 0.    ]])
    >>> regression([[3.0]], [3.0], coarse=[[True]])
    array([[0.8]])
    """
    y, valid, q = check_batch(scores, mos)
    closeness = np.exp(-((y - q[..., None]) ** 2) / (2 * sigma**2))
    penalty = np.where(np.asarray(coarse, dtype=bool), coarse_penalty, 1.0)
    return np.where(valid, closeness * penalty, 0.0)


def answer_format(completions: Sequence[Sequence[Completion]], *, thinking: bool = True) -> Floats:
    """1 if the whole completion has the required tags, else 0; shape (videos, group).

    Only tags count: an answer without a number can have the format. Source: docs/method.md,
    section 3.3 (`format_reward`).

    >>> good, bad = Completion("<think>sharp</think><answer>3.42</answer>"), Completion("3.42")
    >>> answer_format([[good, bad]])
    array([[1., 0.]])
    """
    correct = [[has_format(c.text, thinking=thinking) for c in group] for group in completions]
    return np.array(correct, dtype=float)


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
    """Bonuses for ranking and regression if raw clips are rewarded at least like perturbed copies.

    A reward passes if `mean R(raw) ≥ mean R(perturbed)`. Then every raw rollout with R above its
    threshold gets `bonus`. Arrays are (..., videos, group); the perturbed group may have another
    size. Results have the raw shape and hold 0 or `bonus`. `rule` is one of
    "batch": means over videos and group, each reward by itself (released code);
    "video": means over the group of each video, each reward by itself;
    "batch_ranking_only": means over videos and group, both rewards must pass, and only ranking gets
    the bonus (code of 2025-08-05).
    Source: docs/method.md, section 3.4 (`grpo_trainer.py`).

    >>> raw, perturbed = np.array([[0.95, 0.40]]), np.array([[0.30, 0.20]])
    >>> to_ranking, to_regression = temporal(raw, raw, perturbed, perturbed)
    >>> to_ranking, to_regression
    (array([[0.3, 0. ]]), array([[0.3, 0. ]]))
    """
    axes = (-1,) if rule == "video" else (-2, -1)
    ranking_passes = _is_not_lower(ranking_raw, ranking_perturbed, axes)
    regression_passes = _is_not_lower(regression_raw, regression_perturbed, axes)
    if rule == "batch_ranking_only":
        ranking_passes = ranking_passes & regression_passes
        regression_passes = np.zeros_like(regression_passes)
    return (
        np.where(ranking_passes & (ranking_raw > ranking_above), bonus, 0.0),
        np.where(regression_passes & (regression_raw > regression_above), bonus, 0.0),
    )


Reward = Callable[[RewardBatch], Floats]


def _regression(batch: RewardBatch) -> Floats:
    params = batch.params.regression
    return regression(
        batch.scores,
        batch.mos,
        batch.coarse,
        sigma=params.sigma,
        coarse_penalty=params.coarse_penalty,
    )


def _ranking(batch: RewardBatch) -> Floats:
    return ranking(batch.scores, batch.mos, epsilon=batch.params.ranking.epsilon)


def _format(batch: RewardBatch) -> Floats:
    return answer_format(batch.completions, thinking=batch.thinking)


def _temporal(batch: RewardBatch) -> Floats:
    params, weights, perturbed = batch.params.temporal, batch.params.weights, batch.perturbed
    if perturbed is None:
        return np.zeros_like(batch.scores)
    to_ranking, to_regression = temporal(
        _ranking(batch), _regression(batch), _ranking(perturbed), _regression(perturbed),
        rule=params.rule, bonus=params.bonus, ranking_above=params.ranking_above,
        regression_above=params.regression_above,
    )  # fmt: skip
    # Each bonus belongs to a reward, so it is scaled and dropped together with it.
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
    by_name = {name: float(value) for name, value in weights}
    if single := REWARDS.keys() ^ by_name.keys():
        raise ValueError(
            f"{', '.join(sorted(single))}: expected both an entry of REWARDS in "
            "training/rewards.py and a field of RewardWeights in params/training.py"
        )
    return {name: by_name[name] for name in REWARDS}


@dataclass(frozen=True)
class RewardTable:
    """All rewards of one batch, each of shape (videos, group)."""

    # Each of `REWARDS` without its weight; `temporal` has those of the rewards that it adds to.
    rewards: dict[str, Floats]
    total: Floats  # Σ weight · reward
    scores: Floats  # NaN for a failure
    statuses: Counter[AnswerStatus]
    perturbed_statuses: Counter[AnswerStatus]

    def slice(self, start: int, stop: int) -> "RewardTable":
        """The rewards of some of the videos; statuses are still those of all."""
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
    device_batches: int = 1,
    thinking: bool = True,
) -> RewardTable:
    """Parse and reward G completions for each video.

    Args:
        completions: (videos, group).
        mos: (videos,) on the training scale, as `answer.range`.
        perturbed: (videos, any group); None if no weighted reward uses perturbed copies.
        device_batches: with `ranking.scope` "device", the number of consecutive batches of equal
            size whose videos are not compared with each other.
        thinking: whether the format includes reasoning.

    Raises:
        ValueError: a MOS is not finite, or a reward does not match its weight or the batch.
    """
    labels = np.asarray(mos, dtype=float)
    batches = device_batches if params.ranking.scope == "device" else 1
    perturbed_batch = None
    if perturbed is not None:
        perturbed_batch = parse_batch(perturbed, labels, params, answer, batches, thinking=thinking)
    batch = parse_batch(
        completions, labels, params, answer, batches, thinking=thinking, perturbed=perturbed_batch
    )
    shape = (len(completions), batch.scores.shape[-1])
    rewards: dict[str, Floats] = {}
    total = np.zeros(shape)
    for name, weight in reward_weights(params.weights).items():
        values = np.asarray(REWARDS[name](batch), dtype=float)
        if values.size != batch.scores.size or (weight and not np.isfinite(values).all()):
            raise ValueError(
                f"reward {name!r} has shape {values.shape}; expected {batch.scores.shape}, finite "
                "numbers: give failures, whose score is NaN, a number such as 0"
            )
        rewards[name] = values.reshape(shape)
        if weight:  # a reward of weight 0 is logged only, and may be infinite
            total = total + weight * rewards[name]
    return RewardTable(
        rewards=rewards,
        total=total,
        scores=batch.scores.reshape(shape),
        statuses=batch.statuses,
        perturbed_statuses=Counter() if perturbed_batch is None else perturbed_batch.statuses,
    )


def _is_not_lower(raw: Floats, perturbed: Floats, axes: tuple[int, ...]) -> NDArray[np.bool_]:
    difference = raw.mean(axis=axes, keepdims=True) - perturbed.mean(axis=axes, keepdims=True)
    return np.asarray(difference >= -_TOLERANCE)
