"""What GRPO and supervised fine-tuning share: log-probabilities, order of videos, checkpoints.

Source: docs/method.md, section 5; see `policy.packing` for packed rows.
"""

import math
import resource
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import PeftModel
from torch import Tensor
from transformers import Trainer, TrainerCallback
from trl.distributed import DistributedBackend
from trl.trainer.utils import RepeatSampler

from vqathinker.policy.head import CompletionScores
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.training.checkpoints import (
    UNFINISHED,
    TrainingError,
    finish_checkpoint,
    prune_checkpoints,
    whole_checkpoints,
)
from vqathinker.training.rollouts import RolloutSampler

_EPOCH_STRIDE = 1_000_003  # between the seeds of two epochs


class ResumableTrainer(Trainer):
    """Mixin for a TRL trainer: a killed run ends with the bytes of an uninterrupted one.

    Args:
        rows: a row for each video: `prompt` (its id), `mos` and `clip` (its number).
        sampler: encodes the clips of a step.
        keep: how many of the newest checkpoints stay.
        provenance: origin that every checkpoint records; a checkpoint is a policy folder, too.
        trl: arguments of the TRL trainer.
    """

    def __init__(
        self, *, rows: Dataset, sampler: RolloutSampler, keep: int,
        provenance: dict[str, Any], **trl: Any,
    ) -> None:  # fmt: skip
        self._sampler, self._keep, self._provenance = sampler, keep, provenance
        self._videos: list[str] = list(rows["prompt"])
        super().__init__(train_dataset=rows, **trl)
        self._dist = DistributedBackend(self.accelerator)
        self.add_callback(_StepTimes(self._record))

    @contextmanager
    def _whole_policy(self) -> Iterator[VQAThinkerForConditionalGeneration]:
        """The policy with all of its weights gathered, to be run without gradient."""
        whole = self._dist.summon_full_params(self.model_wrapped, recurse=False)
        with whole, torch.no_grad(), self.accelerator.autocast():
            yield self._unwrapped(self.model)

    def _unwrapped(self, model: Any) -> VQAThinkerForConditionalGeneration:
        """The policy without the wrappers of accelerate and peft."""
        inner = self.accelerator.unwrap_model(model)
        policy: VQAThinkerForConditionalGeneration = (
            inner.get_base_model() if isinstance(inner, PeftModel) else inner
        )
        return policy

    def _score_completions(
        self, model: Any, clips: Tensor, completions: Tensor, lengths: Tensor, *,
        temperature: float = 1.0, at_once: int | None = None,
    ) -> CompletionScores:  # fmt: skip
        """Log-probabilities and entropies of completions about the clips of the current step.

        Args:
            model: the policy or its reference, as the accelerator prepared it.
            clips: the clip of each completion, groups one after the other (completions,).
            completions: token ids padded on the right (completions, tokens).
            lengths: tokens of each completion (completions,).
            temperature: of sampling.
            at_once: completions of one pass, whole groups; None: all.
        """
        parts = []
        for some in torch.arange(len(clips), device=clips.device).split(at_once or len(clips)):
            # The prompt of a clip is run once for all of its completions.
            distinct, rows = torch.unique(clips[some], return_inverse=True)
            videos = [self._videos[clip] for clip in distinct.tolist()]
            inputs = self._sampler.model_inputs(self._unwrapped(model), videos)
            with self.accelerator.autocast():
                scores: CompletionScores = model(
                    **inputs, rows=rows, completion_ids=completions[some], lengths=lengths[some],
                    temperature=temperature,
                )  # fmt: skip
            parts.append((scores.log_probs, scores.entropies))
        return CompletionScores(*(torch.cat(part) for part in zip(*parts, strict=True)))

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
            prune_checkpoints(folder, self._keep)

    def _get_grad_norm(self, *args: Any, **kwargs: Any) -> Any:
        norm = super()._get_grad_norm(*args, **kwargs)
        self._require_finite("the gradient norm", norm)
        return norm

    def _require_finite(self, name: str, value: Tensor | float) -> None:
        """Stop the run before a bad number reaches weights and checkpoints.

        Raises:
            TrainingError: `value` is NaN or infinite.
        """
        if math.isfinite(value):
            return
        kept = whole_checkpoints(Path(self.args.output_dir))
        last = f"the last checkpoint is {kept[-1]}" if kept else "there is no checkpoint yet"
        raise TrainingError(
            f"run {self._provenance['run']}, step {self.state.global_step + 1}: {name} is "
            f"{float(value)}, expected a finite number; {last}: lower training.learning_rate, "
            "raise training.warmup_steps, or set training.precision to fp32"
        )

    def _record(self, name: str, value: float) -> None:
        """Record a value; TRL logs the mean over a step."""
        self._metrics["train"][name].append(value)

    def _epoch_order(self, dataset: Dataset | None, **how: Any) -> "EpochOrder":
        source = self.train_dataset if dataset is None else dataset
        step = lambda: int(self.state.global_step)  # noqa: E731
        return EpochOrder(step=step, seed=self.args.seed, data_source=source, **how)


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
        self.generator.manual_seed(self.seed + epoch * _EPOCH_STRIDE)
        return iter(super().__iter__())


class _StepTimes(TrainerCallback):
    """Record the `seconds` of each step, optimiser included, and the peak memory in MiB."""

    def __init__(self, record: Callable[[str, float], None]) -> None:
        self._record, self._begin = record, 0.0

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self._begin = time.perf_counter()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            torch.cuda.synchronize()  # kernels run after the call that starts them
            peak = torch.cuda.max_memory_allocated() / 2**20
        self._record("seconds", time.perf_counter() - self._begin)
        self._record("memory_mb", peak)
