"""The part that GRPO and supervised training share: checkpoints, order of videos, times, checks.

`history.csv` has a row every `training.log_every` steps. A checkpoint includes what is accumulated
for the next row, so that a resumed run writes the same rows as an uninterrupted one. Each process
accumulates its own loss and means, and therefore writes its own file.
"""

import json
import resource
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import Trainer, TrainerCallback
from trl.trainer.utils import RepeatSampler

from vqathinker.params import KeepParams
from vqathinker.training.checkpoints import (
    UNFINISHED,
    finish_checkpoint,
    prune_checkpoints,
    unlogged_file,
)
from vqathinker.training.watch import Watch

_APART = 1_000_003  # between the seeds of two epochs


class ResumableTrainer(Trainer):
    """Mixin for a TRL trainer: a killed run ends with the bytes of an uninterrupted one.

    Args:
        watch: stops the run if a number is not finite or nothing is learned.
        provenance: origin that every checkpoint records; a checkpoint is a policy folder, too.
        kwargs: arguments of the TRL trainer.
    """

    def __init__(self, *, watch: Watch, provenance: dict[str, Any], **kwargs: Any) -> None:
        self._watch, self._provenance, self.clock = watch, provenance, PhaseClock()
        self._rewards_since_save: list[float] = []  # mean of each batch of rollouts
        super().__init__(**kwargs)
        self.add_callback(watch)
        self.add_callback(StepTimes(self.clock, self._record))

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """TRL writes files under the final name one by one; here the folder gets its name last."""
        folder, name = Path(self.args.output_dir), f"checkpoint-{self.state.global_step}"
        self.args.output_dir = str(folder / UNFINISHED)
        try:
            super()._save_checkpoint(model, trial)
        finally:
            self.args.output_dir = str(folder)
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            finish_checkpoint(folder / UNFINISHED / name, folder / name, self._provenance)
            shutil.rmtree(folder / UNFINISHED)  # with TRL's model card

    def _save_rng_state(self, output_dir: str) -> None:
        """TRL and transformers forget loss and means since the last row of the log."""
        super()._save_rng_state(output_dir)
        unlogged = {
            "loss": self._tr_loss.item(),  # float32, which JSON's numbers hold exactly
            "last_logged": self._globalstep_last_logged,
            "metrics": dict(self._metrics["train"]),
            "rewards": self._rewards_since_save,
        }
        path = Path(output_dir) / unlogged_file(self.args.process_index)
        path.write_text(json.dumps(unlogged), encoding="utf-8")
        self._rewards_since_save = []

    def _load_rng_state(self, checkpoint: str | None) -> None:
        """TRL and transformers call this once, before the first step, and start from zero."""
        super()._load_rng_state(checkpoint)
        if checkpoint is None:
            return
        path = Path(checkpoint) / unlogged_file(self.args.process_index)
        unlogged = json.loads(path.read_text(encoding="utf-8"))
        self._tr_loss += unlogged["loss"]
        self._globalstep_last_logged = unlogged["last_logged"]
        self._metrics["train"].update(unlogged["metrics"])

    def training_step(self, *args: Any, **kwargs: Any) -> Tensor:
        """TRL does not time phases: `gradient` is forward and backward without nested ones."""
        with self.clock("gradient"):
            loss: Tensor = super().training_step(*args, **kwargs)
        return loss

    def _get_grad_norm(self, *args: Any, **kwargs: Any) -> Any:
        norm = super()._get_grad_norm(*args, **kwargs)
        self._watch.require_finite("the gradient norm", norm, self._number)
        return norm

    @property
    def _number(self) -> int:
        """Number of the current step as in history.csv, from 1."""
        return int(self.state.global_step) + 1

    def _record(self, name: str, value: float) -> None:
        """Record a value; TRL logs the mean between two rows of the log."""
        self._metrics["train"][name].append(value)


class EpochOrder(RepeatSampler):
    """TRL's sampler with an order that depends on seed and epoch alone.

    TRL draws the order of an epoch after that of the one before, so a run that resumes in its
    second epoch would repeat the order of the first.

    Args:
        step: returns the number of completed steps.
        iterations: steps on the same videos.
        kwargs: arguments of RepeatSampler; `batch_size` is the number of videos of a step.
    """

    def __init__(
        self, *, step: Callable[[], int], seed: int, iterations: int = 1, **kwargs: Any
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        self._step, self._iterations = step, iterations

    def __iter__(self) -> Iterator[int]:
        """Indices of the videos of an epoch, each repeated as often as a batch needs it."""
        steps = self.num_samples // self.batch_size * self._iterations
        epoch = self._step() // max(1, steps)
        self.generator.manual_seed(self.seed + epoch * _APART)
        return iter(super().__iter__())


class PhaseClock:
    """Seconds of each phase, without the phases nested in it.

    The GPU is synchronised where a phase begins and ends.

    >>> ticks = iter([0.0, 1.0, 4.0, 6.0])
    >>> clock = PhaseClock(lambda: next(ticks))
    >>> with clock("gradient"):
    ...     with clock("rollout"):
    ...         pass
    >>> clock.take()
    {'rollout': 3.0, 'gradient': 3.0}
    """

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self._now = now
        self._spent: defaultdict[str, float] = defaultdict(float)
        self._within: list[float] = []  # for each open phase, seconds of the phases in it

    @contextmanager
    def __call__(self, phase: str) -> Iterator[None]:
        """Count the time of this block for `phase`."""
        self._within.append(0.0)
        begin = self._time()
        try:
            yield
        finally:
            whole = self._time() - begin
            self._spent[phase] += whole - self._within.pop()
            if self._within:
                self._within[-1] += whole

    def take(self) -> dict[str, float]:
        """Seconds by phase since they were last taken."""
        spent = dict(self._spent)
        self._spent.clear()
        return spent

    def _time(self) -> float:
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            torch.cuda.synchronize()
        return self._now()


class StepTimes(TrainerCallback):
    """Pass the times of each step to `record`, as `seconds/<phase>`, and `memory_mb`.

    The phase `optimiser` is measured here, the others in the trainer.
    """

    def __init__(self, clock: PhaseClock, record: Callable[[str, float], None]) -> None:
        self._clock, self._record = clock, record
        self._optimiser = clock("optimiser")

    def on_pre_optimizer_step(self, *_: Any, **__: Any) -> None:
        """After gradients are clipped."""
        self._optimiser = self._clock("optimiser")
        self._optimiser.__enter__()

    def on_optimizer_step(self, *_: Any, **__: Any) -> None:
        """After weights were updated."""
        self._optimiser.__exit__(None, None, None)

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Before the step is logged."""
        for phase, seconds in self._clock.take().items():
            self._record(f"seconds/{phase}", seconds)
        self._record("memory_mb", peak_memory_mb())


def peak_memory_mb() -> float:
    """Peak memory of this process in MiB: of the GPU if it uses one, else resident."""
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


class KeepCheckpoints(TrainerCallback):
    """Remove the checkpoints in `folder` that `keep` does not keep, after each new one."""

    def __init__(self, folder: Path, keep: KeepParams) -> None:
        self._folder, self._keep = folder, keep

    def on_save(self, _: Any, state: Any, *__: Any, **___: Any) -> None:
        """After a checkpoint got its name."""
        if state.is_world_process_zero:
            prune_checkpoints(self._folder, self._keep)
