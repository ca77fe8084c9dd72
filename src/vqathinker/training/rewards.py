"""The four rewards of VQAThinker: regression, ranking, format and temporal consistency.

Source: docs/method.md, section 3; authors' `grpo_jsonl.py` and `grpo_trainer.py` at ee47a40.

Everything is a pure function of arrays of shape (..., videos, group): `videos` are those that meet
each other in one batch, `group` the G rollouts of a video; leading axes are batches that do not see
each other (devices). A score of NaN is a failure. `compute_rewards` puts it all together.

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
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike

from vqathinker.params import AnswerParams, RewardsParams
from vqathinker.policy.answer import AnswerStatus, Completion, has_format, read_answer
from vqathinker.training.ranking import Floats, batch_arrays, ranking

__all__ = [
    "RewardTable",
    "TemporalRule",
    "answer_format",
    "compute_rewards",
    "ranking",
    "regression",
    "temporal",
]

TemporalRule = Literal["batch", "video", "batch_ranking_only"]


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

    A reward passes when `mean R(raw) ≥ mean R(perturbed)`; then every raw rollout with R above its
    threshold gets `bonus`. Arrays are (..., videos, group), the perturbed group may have another
    size; results have the raw shape and hold 0 or `bonus`. `rule` says over what the means run and
    what passes: "batch": videos and group, each reward by itself (released code); "video": the
    group of each video, each reward by itself; "batch_ranking_only": videos and group, both rewards
    must pass and only ranking gets the bonus (code of 2025-08-05).
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
    ranking_passes = _mean(ranking_raw, over) >= _mean(ranking_perturbed, over)
    regression_passes = _mean(regression_raw, over) >= _mean(regression_perturbed, over)
    if rule == "batch_ranking_only":
        ranking_passes = ranking_passes & regression_passes
        regression_passes = np.zeros_like(regression_passes)
    return (
        np.where(ranking_passes & (ranking_raw > ranking_above), bonus, 0.0),
        np.where(regression_passes & (regression_raw > regression_above), bonus, 0.0),
    )


@dataclass(frozen=True)
class RewardTable:
    """All rewards of one scoring, each of shape (videos, group).

    `temporal` is what was added to ranking and regression, each times the weight of that reward;
    `total` = Σ weight · component. `scores` is NaN where there is none. `statuses` counts the
    answers, `perturbed_statuses` those on perturbed copies, by status.
    """

    regression: Floats
    ranking: Floats
    format: Floats
    temporal: Floats
    total: Floats
    scores: Floats
    statuses: Counter[AnswerStatus]
    perturbed_statuses: Counter[AnswerStatus]

    def part(self, start: int, stop: int) -> "RewardTable":
        """The same for some of the videos; statuses stay those of all."""
        names = ("regression", "ranking", "format", "temporal", "total", "scores")
        return replace(self, **{name: getattr(self, name)[start:stop] for name in names})


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

    `completions` are (videos, group), `perturbed` (videos, any group), None without a temporal
    reward; `mos` (videos,) is on the training scale, as `answer.range` is. With `ranking.scope`
    "device" the videos are `devices` equal consecutive parts that do not see each other, for the
    ranking and the means of the temporal rules; else they are one batch. `thinking`: of the format.

    Raises:
        ValueError: ragged groups, another number of labels than of groups, a MOS that is not
            finite, or videos that do not divide by `devices`.
    """
    labels = np.asarray(mos, dtype=float)
    parts = devices if params.ranking.scope == "device" else 1
    if parts < 1 or len(completions) != len(labels) or len(labels) % parts:
        raise ValueError(
            f"{len(completions)} groups of completions for {len(labels)} MOS on {parts} devices; "
            "give one group per video, and as many videos to each device"
        )
    weights = params.weights
    raw = _score_completions(completions, labels, params, answer, parts)
    shape = raw.scores.shape
    bonus, perturbed_statuses = np.zeros(shape), Counter[AnswerStatus]()
    if perturbed is not None:
        changed = _score_completions(perturbed, labels, params, answer, parts)
        perturbed_statuses = changed.statuses
        how = params.temporal
        to_ranking, to_regression = temporal(
            raw.ranking, raw.regression, changed.ranking, changed.regression, rule=how.rule,
            bonus=how.bonus, ranking_above=how.ranking_above, regression_above=how.regression_above,
        )  # fmt: skip
        bonus = (weights.ranking * to_ranking + weights.regression * to_regression).reshape(shape)
    parts_of_total = {
        "regression": raw.regression.reshape(shape),
        "ranking": raw.ranking.reshape(shape),
        "format": answer_format(completions, thinking=thinking).reshape(shape),
        "temporal": bonus,
    }
    total = sum((getattr(weights, k) * v for k, v in parts_of_total.items()), np.zeros(shape))
    return RewardTable(
        **parts_of_total,
        total=total,
        scores=raw.scores,
        statuses=raw.statuses,
        perturbed_statuses=perturbed_statuses,
    )


class _Scored(NamedTuple):
    scores: Floats  # (videos, group)
    regression: Floats  # (parts, videos of a part, group), like ranking
    ranking: Floats
    statuses: Counter[AnswerStatus]


def _score_completions(
    completions: Sequence[Sequence[Completion]], mos: Floats, params: RewardsParams,
    answer: AnswerParams, parts: int,
) -> _Scored:  # fmt: skip
    sizes = {len(group) for group in completions}
    if len(sizes) > 1:
        raise ValueError(f"groups of {sorted(sizes)} completions; every video needs as many")
    shape = (len(completions), sizes.pop() if sizes else 0)
    read = [read_answer(completion, answer) for group in completions for completion in group]
    scores = np.array([each.score for each in read], dtype=float).reshape(shape)
    coarse = np.array([each.coarse for each in read], dtype=bool)
    split = (parts, shape[0] // parts, shape[1])
    y, q = scores.reshape(split), mos.reshape(split[:2])
    bell = params.regression
    close = regression(
        y, q, coarse.reshape(split), sigma=bell.sigma, coarse_penalty=bell.coarse_penalty
    )
    ranked = ranking(y, q, epsilon=params.ranking.epsilon)
    return _Scored(scores, close, ranked, Counter(each.status for each in read))


def _mean(values: Floats, over: tuple[int, ...]) -> Floats:
    return np.asarray(values.mean(axis=over, keepdims=True))
