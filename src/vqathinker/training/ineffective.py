"""Parameters that were changed, but have no effect under the other settings of a run."""

from collections.abc import Iterator
from typing import Any

from vqathinker.params import RunSettings

# Values of the shared sections of params.yaml: a parameter that has another one was changed.
DEFAULTS: dict[str, Any] = {
    "training.group_size": 4,
    "training.warmup_steps": 0,
    "training.epochs": 3,
    "training.beta": 0.04,
    "training.kl_estimator": "k3",
    "training.epsilon": 0.2,
    "training.iterations": 1,
    "training.temperature": 1.0,
    "training.top_k": 0,
    "training.max_new_tokens": 2048,
    "training.loss_type": "grpo",
    "training.keep.best": 1,
    "training.patience.no_spread": 20,
    "training.patience.no_answer": 20,
    "rewards.regression.sigma": 0.5,
    "rewards.regression.coarse_penalty": 0.8,
    "rewards.ranking.scope": "device",
    "rewards.ranking.epsilon": 1e-6,
    "rewards.temporal.rule": "batch",
    "rewards.temporal.copies": None,
    "rewards.temporal.bonus": 0.3,
    "rewards.temporal.ranking_above": 0.5,
    "rewards.temporal.regression_above": 0.9,
    "rewards.weights.regression": 1.0,
    "rewards.weights.ranking": 1.0,
    "rewards.weights.format": 1.0,
    "rewards.weights.temporal": 1.0,
    "answer.reading": "strict",
    "answer.range": [0, 5],
}
_OF_THE_PAPER = {"regression", "ranking", "format", "temporal"}
_OF_ALL_METHODS = {"training.warmup_steps", "training.epochs"}

_Reasons = Iterator[tuple[str, set[str]]]


def ineffective_parameters(settings: RunSettings) -> dict[str, str]:
    """Changed parameters by name, and why each has no effect, or less than its name promises."""
    why = {name: reason for reason, names in _reasons(settings) for name in names}
    return {
        name: why[name]
        for name, default in DEFAULTS.items()
        if name in why and _value(settings, name) != default
    }


def _reasons(settings: RunSettings) -> _Reasons:
    how = settings.training
    if how.schedule == "constant":
        yield "training.schedule is constant", {"training.warmup_steps"}
    if how.max_steps is not None:
        yield "training.max_steps is set", {"training.epochs"}
    if how.method == "sft":
        yield "training.method is sft", set(DEFAULTS) - _OF_ALL_METHODS
        return
    if how.iterations == 1:
        yield "training.iterations is 1", {"training.epsilon"}
        yield "only normalises the loss if training.iterations is 1", {"training.loss_type"}
    if not how.beta:
        yield "training.beta is 0", {"training.kl_estimator"}
    yield from _of_rewards(settings)


def _of_rewards(settings: RunSettings) -> _Reasons:
    weights, rule = settings.rewards.weights, settings.rewards.temporal.rule
    if any(weight for name, weight in weights if name not in _OF_THE_PAPER):
        return  # an added reward may read any of these parameters
    ranking_alone = rule == "batch_ranking_only"  # it gets the bonus, if regression passes too
    rewarded = weights.ranking if ranking_alone else weights.ranking or weights.regression
    bonus = bool(weights.temporal and rewarded)
    if not bonus:
        yield "no reward gets a temporal bonus", _below("rewards.temporal.")
    if not weights.ranking:
        yield "rewards.weights.ranking is 0", {
            "rewards.ranking.epsilon", "rewards.temporal.ranking_above",
        }  # fmt: skip
        if not bonus or rule == "video":
            yield "rewards.weights.ranking is 0", {"rewards.ranking.scope"}
    if not weights.regression and not (bonus and ranking_alone):
        yield "rewards.weights.regression is 0", _below("rewards.regression.")
    if ranking_alone or not weights.regression:
        yield "regression gets no temporal bonus", {"rewards.temporal.regression_above"}


def _below(prefix: str) -> set[str]:
    return {name for name in DEFAULTS if name.startswith(prefix)}


def _value(settings: RunSettings, name: str) -> Any:
    value: Any = settings
    for key in name.split("."):
        value = getattr(value, key)
    return value
