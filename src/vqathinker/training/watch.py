"""What a batch says about learning, and the reasons for which a run is stopped."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor
from transformers import TrainerCallback
from transformers.trainer_callback import ExportableState

from vqathinker.params import PatienceParams
from vqathinker.policy.answer import FAILURES
from vqathinker.training.checkpoints import TrainingError, whole_checkpoints
from vqathinker.training.ranking import Floats
from vqathinker.training.rewards import RewardTable

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


_UNSTABLE = (
    "lower training.learning_rate, raise training.warmup_steps, or set training.precision to fp32; "
    "with other settings the run begins anew"
)
# By the key of `training.patience`: what is the case, and what to do.
_NOTHING_LEARNED = {
    "no_answer": (
        "no rollout has a readable answer",
        "look at `answer` and at the base policy, or raise training.max_new_tokens",
    ),
    "no_spread": (
        "the rollouts of every group have equal rewards, which teach nothing",
        "raise training.temperature, training.beta or training.group_size",
    ),
}


class Watch(TrainerCallback, ExportableState):
    """Stops `run` in folder `out` when a number is not finite or nothing can be learned.

    The steps in a row that it counts are part of a checkpoint, so a resumed run stops where an
    uninterrupted one does.
    """

    def __init__(self, run: str, out: Path, patience: PatienceParams) -> None:
        self._run, self._out, self._patience = run, out, patience
        self._in_a_row = dict.fromkeys(_NOTHING_LEARNED, 0)

    def state(self) -> dict[str, Any]:
        """What a checkpoint records of it."""
        return {"args": {}, "attributes": dict(self._in_a_row)}

    def on_train_begin(self, _: Any, state: Any, *__: Any, **___: Any) -> None:
        """Go on counting where the checkpoint stopped."""
        self._in_a_row = dict(state.stateful_callbacks[type(self).__name__]["attributes"])

    def on_step_end(self, _: Any, state: Any, *__: Any, model: Any, **___: Any) -> None:
        """After the optimiser and before a checkpoint: no bad weights are written."""
        moved = [weight.detach() for weight in model.parameters() if weight.requires_grad]
        largest = torch.nn.utils.get_total_norm(moved, norm_type=math.inf)
        self.require_finite("the largest weight", largest, state.global_step)

    def require_finite(self, name: str, value: Tensor | float, step: int) -> None:
        """Let finite numbers of `step` pass.

        Raises:
            TrainingError: `value` is NaN or infinite.
        """
        if not math.isfinite(value):
            raise self._stop(step, f"{name} is {float(value)}, expected a finite number", _UNSTABLE)

    def count(self, step: int, *, spread: bool, answer: bool) -> None:
        """Take note whether any group of `step` had spread, and any rollout a readable answer.

        Raises:
            TrainingError: for as many steps in a row as `training.patience` allows, none had.
        """
        for name, there in (("no_answer", answer), ("no_spread", spread)):
            self._in_a_row[name] = 0 if there else self._in_a_row[name] + 1
            limit = getattr(self._patience, name)
            if limit is not None and self._in_a_row[name] >= limit:
                what, remedy = _NOTHING_LEARNED[name]
                raise self._stop(
                    step,
                    f"{what}, for {self._in_a_row[name]} steps in a row",
                    f"{remedy}; with a higher training.patience.{name}, or null, it goes on",
                )

    def _stop(self, step: int, what: str, remedy: str) -> TrainingError:
        kept = whole_checkpoints(self._out / "checkpoints")
        last = f"the last good checkpoint is {kept[-1]}" if kept else "there is no checkpoint yet"
        return TrainingError(f"run {self._run}, step {step}: {what}; {last}: {remedy}")
