"""Shared by GRPO and supervised fine-tuning: log-probabilities, order of videos, checkpoints."""

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

from vqathinker.errors import InputError
from vqathinker.policy.head import CompletionScores
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.training.checkpoints import (
    UNFINISHED,
    finish_checkpoint,
    intact_checkpoints,
    prune_checkpoints,
)
from vqathinker.training.rollouts import RolloutSampler

_EPOCH_STRIDE = 1_000_003  # between the seeds of two epochs


class ResumableTrainer(Trainer):
    """Mixin for a TRL trainer: a resumed run ends with the same bytes as an uninterrupted one.

    Args:
        rows: one row per video: `prompt` (video id), `mos` and `clip` (row number).
        sampler: provides the encoded clips of a step.
        keep: number of newest checkpoints that are kept.
        provenance: recorded in every checkpoint.
        trl: arguments of the TRL trainer.
    """

    def __init__(
        self,
        *,
        rows: Dataset,
        sampler: RolloutSampler,
        keep: int,
        provenance: dict[str, Any],
        **trl: Any,
    ) -> None:
        self._sampler, self._keep, self._provenance = sampler, keep, provenance
        self._videos: list[str] = list(rows["prompt"])  # a clip is an index of this list
        super().__init__(train_dataset=rows, **trl)
        self._backend = DistributedBackend(self.accelerator)
        self.add_callback(_StepTimer(self._record))

    @contextmanager
    def _gathered_policy(self) -> Iterator[VQAThinkerForConditionalGeneration]:
        """The policy with all weights gathered on this process, for use without gradient."""
        gathered = self._backend.summon_full_params(self.model_wrapped, recurse=False)
        with gathered, torch.no_grad(), self.accelerator.autocast():
            yield self._unwrap(self.model)

    def _unwrap(self, model: Any) -> VQAThinkerForConditionalGeneration:
        """The policy without the wrappers of accelerate and peft."""
        inner = self.accelerator.unwrap_model(model)
        policy: VQAThinkerForConditionalGeneration = (
            inner.get_base_model() if isinstance(inner, PeftModel) else inner
        )
        return policy

    def _score_completions(
        self,
        model: Any,
        clips: Tensor,
        completions: Tensor,
        lengths: Tensor,
        *,
        temperature: float = 1.0,
        batch_size: int | None = None,
    ) -> CompletionScores:
        """Log-probabilities and entropies of completions about the clips of the current step.

        Args:
            model: the policy or its reference, as prepared by the accelerator.
            clips: the clip of each completion (completions,); groups are consecutive.
            completions: token ids padded on the right (completions, tokens).
            lengths: tokens of each completion (completions,).
            temperature: of sampling.
            batch_size: completions per pass, whole groups; None: all.
        """
        parts = []
        numbers = torch.arange(len(clips), device=clips.device)
        for chunk in numbers.split(batch_size or len(clips)):
            # The prompt of a clip is computed once for all of its completions.
            distinct, rows = torch.unique(clips[chunk], return_inverse=True)
            videos = [self._videos[clip] for clip in distinct.tolist()]
            inputs = self._sampler.model_inputs(self._unwrap(model), videos)
            with self.accelerator.autocast():
                scores: CompletionScores = model(
                    **inputs,
                    rows=rows,
                    completion_ids=completions[chunk],
                    lengths=lengths[chunk],
                    temperature=temperature,
                )
            parts.append((scores.log_probs, scores.entropies))
        return CompletionScores(*(torch.cat(part) for part in zip(*parts, strict=True)))

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """TRL writes into the final folder file by file; here the folder is renamed at the end."""
        folder, name = Path(self.args.output_dir), f"checkpoint-{self.state.global_step}"
        self.args.output_dir = str(folder / UNFINISHED)
        try:
            super()._save_checkpoint(model, trial)
        finally:
            self.args.output_dir = str(folder)
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            finish_checkpoint(folder / UNFINISHED / name, folder / name, self._provenance)
            shutil.rmtree(folder / UNFINISHED)  # contains TRL's model card
            prune_checkpoints(folder, self._keep)

    def _get_grad_norm(self, *args: Any, **kwargs: Any) -> Any:
        norm = super()._get_grad_norm(*args, **kwargs)
        self._require_finite("the gradient norm", norm)
        return norm

    def _require_finite(self, name: str, value: Tensor | float) -> None:
        """Stop the run before a bad number reaches weights and checkpoints.

        Raises:
            InputError: `value` is NaN or infinite.
        """
        if math.isfinite(value):
            return
        kept = intact_checkpoints(Path(self.args.output_dir))
        last = f"the last checkpoint is {kept[-1]}" if kept else "there is no checkpoint yet"
        raise InputError(
            f"run {self._provenance['run']}, step {self.state.global_step + 1}: {name} is "
            f"{float(value)}, expected a finite number; {last}: lower training.learning_rate, "
            "raise training.warmup_steps, or set training.precision to fp32"
        )

    def _record(self, name: str, value: float) -> None:
        """Log a metric; TRL averages it over a step."""
        self._metrics["train"][name].append(value)


class EpochSampler(RepeatSampler):
    """TRL's sampler, but the order of an epoch depends on seed and epoch only.

    TRL continues one random generator through all epochs, so a run that resumes in its second epoch
    would repeat the order of the first.

    Args:
        trainer: provides the training set, the seed and the current step.
        iterations: steps on the same videos.
        kwargs: arguments of RepeatSampler; `batch_size` is the number of videos of a step.
    """

    def __init__(self, trainer: Trainer, *, iterations: int = 1, **kwargs: Any) -> None:
        super().__init__(trainer.train_dataset, seed=trainer.args.seed, **kwargs)
        self._trainer, self._iterations = trainer, iterations

    def __iter__(self) -> Iterator[int]:
        """Indices of the videos of an epoch, each repeated as often as a batch needs it."""
        steps = self.num_samples // self.batch_size * self._iterations
        epoch = self._trainer.state.global_step // max(1, steps)
        self.generator.manual_seed(self.seed + epoch * _EPOCH_STRIDE)
        return iter(super().__iter__())


class _StepTimer(TrainerCallback):
    """Records the `seconds` of each step, optimiser included, and the peak memory in MiB."""

    def __init__(self, record: Callable[[str, float], None]) -> None:
        self._record, self._start = record, 0.0

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self._start = time.perf_counter()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            torch.cuda.synchronize()  # kernels run asynchronously
            peak = torch.cuda.max_memory_allocated() / 2**20
        self._record("seconds", time.perf_counter() - self._start)
        self._record("memory_mb", peak)
