"""A trainer that is watched: measured by phase, and stopped with a reason when it learns nothing.

What is learned and how stands in `trainer`; nothing here changes it. Of TRL's and transformers'
methods those are overridden in which the watched values are at hand: `training_step` (its time),
`_calculate_rewards` (rewards), `_get_per_token_logps_and_entropies` (time of the reference),
`_compute_loss` (loss) and `_get_grad_norm` (called before the optimiser moves the weights).
`WatchedSteps` is the part that supervised fine-tuning has, too.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import Trainer, TrainerCallback
from transformers.trainer_callback import ExportableState

from vqathinker.params import PatienceParams
from vqathinker.training.checkpoints import whole_checkpoints
from vqathinker.training.clock import PhaseClock, StepTimes
from vqathinker.training.errors import TrainingError
from vqathinker.training.measures import has_answer, has_spread, measure
from vqathinker.training.trainer import VQAThinkerTrainer

__all__ = ["Watch", "WatchedSteps", "WatchedTrainer"]

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


class WatchedSteps(Trainer):
    """What every trainer here has that is watched: the time of its steps and their gradient norm.

    Args:
        watch: what may stop it.
        kwargs: what the trainer takes that it is mixed into.
    """

    def __init__(self, *, watch: Watch, **kwargs: Any) -> None:
        self._watch, self.clock = watch, PhaseClock()
        super().__init__(**kwargs)
        self.add_callback(watch)
        self.add_callback(StepTimes(self.clock, self._record))

    def training_step(self, *args: Any, **kwargs: Any) -> Tensor:
        """Forward and backward are what is left of it when the phases within are taken off."""
        with self.clock("gradient"):
            loss: Tensor = super().training_step(*args, **kwargs)
        return loss

    def _get_grad_norm(self, *args: Any, **kwargs: Any) -> Any:
        norm = super()._get_grad_norm(*args, **kwargs)
        self._watch.require_finite("the gradient norm", norm, self._number)
        return norm

    @property
    def _number(self) -> int:
        """Of the step that is being made, as history.csv counts them."""
        return int(self.state.global_step) + 1

    def _record(self, name: str, value: float) -> None:
        """TRL logs the mean of what is recorded between two log rows."""
        self._metrics["train"][name].append(value)


class WatchedTrainer(WatchedSteps, VQAThinkerTrainer):
    """Takes what VQAThinkerTrainer takes, and the `watch` that may stop it."""

    def _rollouts(self, *args: Any) -> dict[str, Any]:
        with self.clock("rollout"):
            return super()._rollouts(*args)

    def _calculate_rewards(self, inputs: list[dict[str, Any]], *args: Any) -> Tensor:
        with self.clock("rewards"):
            rewards = super()._calculate_rewards(inputs, *args)
        table = self._table
        assert table is not None  # noqa: S101  computed just before
        mos = [row["mos"] for row in inputs[:: self._sampler.group]]
        lowest = np.min(table.total)  # NaN if any is
        self._watch.require_finite("a reward", float(lowest + np.max(table.total)), self._number)
        for name, value in measure(table, mos).items():
            self._log_metric(name, value)  # TRL takes the mean over processes
        seen = torch.tensor(
            [[has_spread(table.total), has_answer(table.scores)]], device=self.accelerator.device
        )
        spread, answer = self.accelerator.gather(seen).any(dim=0).tolist()
        self._watch.count(self._number, spread=spread, answer=answer)
        return rewards

    def _get_per_token_logps_and_entropies(self, *args: Any, **kwargs: Any) -> Any:
        if torch.is_grad_enabled():
            return super()._get_per_token_logps_and_entropies(*args, **kwargs)
        with self.clock("reference"):
            return super()._get_per_token_logps_and_entropies(*args, **kwargs)

    def _compute_loss(self, *args: Any) -> Tensor:
        loss = super()._compute_loss(*args)
        self._watch.require_finite("the loss", loss.detach(), self._number)
        return loss
