"""One training as a plan sees it: sizes, settings, shape of a clip, number of processes."""

import math
from dataclasses import dataclass, replace

from vqathinker.params import RunSettings, TrainingParams
from vqathinker.planning.assumptions import SUPERVISED_TOKENS
from vqathinker.planning.sizes import PolicySizes
from vqathinker.policy.parts import FROZEN, PARTS
from vqathinker.video.sampling import ClipSetting

__all__ = ["TrainingJob"]


@dataclass(frozen=True)
class TrainingJob:
    """What memory and time of a step follow from.

    Attributes:
        copies: perturbed rollouts of a video, each on a copy of its own.
        prompt: tokens of a prompt, those of the frames and of motion too.
        processes: one for each GPU; more than one on GPUs share gradients and optimiser (ZeRO-2).
        motion: whether there is a motion token, whose features are computed.
        gpu: on the CPU weights are float32 whatever the precision says.
    """

    sizes: PolicySizes
    training: TrainingParams
    copies: int
    clip: ClipSetting
    prompt: int
    processes: int
    gpu: bool
    motion: bool = True

    @classmethod
    def of(
        cls, settings: RunSettings, sizes: PolicySizes, clip: ClipSetting, prompt: int,
        processes: int, *, gpu: bool,
    ) -> "TrainingJob":  # fmt: skip
        """The job of a run.

        Supervised fine-tuning is planned as an update on one short completion of each video,
        without rollouts, copies or a reference.
        """
        how = settings.training
        if how.method == "sft":
            alone = {"group_size": 1, "beta": 0.0, "max_new_tokens": SUPERVISED_TOKENS}
            how = how.model_copy(update=alone)
        how = how.model_copy(update={"freeze": settings.frozen})
        return cls(
            sizes, how, settings.copies, clip, prompt, processes, gpu, settings.prompt.motion
        )

    def changed(self, **training: object) -> "TrainingJob":
        """The same job with other training parameters."""
        return replace(self, training=self.training.model_copy(update=training))

    @property
    def rolls_out(self) -> bool:
        """Whether completions are drawn: not where they are given."""
        return self.training.method == "grpo"

    @property
    def half(self) -> bool:
        """Whether what is computed with has two bytes a number."""
        return self.gpu and self.training.precision == "bf16"

    @property
    def width(self) -> int:
        """Bytes of a number that is computed with."""
        return 2 if self.half else 4

    @property
    def sharded(self) -> bool:
        """Whether each GPU keeps only its share of gradients and optimiser."""
        return self.gpu and self.processes > 1

    @property
    def videos_per_step(self) -> int:
        """Of one optimiser step, over all processes."""
        return self.videos_rolled_out * self.processes

    @property
    def videos_rolled_out(self) -> int:
        """Whose rollouts a process draws at once: TRL generates for a whole optimiser step."""
        return self.training.videos_per_device * self.training.gradient_accumulation

    @property
    def rows(self) -> int:
        """Completions that a process draws at once, perturbed ones too."""
        return self.videos_rolled_out * (self.training.group_size + self.copies)

    @property
    def trained_parts(self) -> set[str]:
        """Parts all of whose weights are trained; with adapters not the language model."""
        adapted = set(self.training.lora.parts) if self.training.lora else set()
        return set(PARTS) - {FROZEN, *self.training.freeze} - adapted

    @property
    def trained(self) -> int:
        """Weights that the optimiser changes, adapters among them."""
        lora = self.training.lora
        adapters = self.sizes.adapters(lora.rank, {*lora.parts}) if lora else 0
        return adapters + sum(self.sizes.weights[part] for part in self.trained_parts)

    @property
    def has_reference(self) -> bool:
        """Whether a second policy is held: not with adapters, which can be switched off."""
        return self.training.beta > 0 and self.training.lora is None

    def row_tokens(self, completion: float) -> float:
        """Tokens of a video's packed row: its prompt once, then every completion of its group."""
        return self.prompt + self.training.group_size * completion

    def steps(self, videos: int) -> int:
        """Optimiser steps of the run over a set of so many videos.

        An epoch has whole steps only: the videos that are left over wait for the next shuffle.
        """
        if self.training.max_steps is not None:
            return self.training.max_steps
        batches = max(1, videos // self.videos_per_step)
        return math.ceil(self.training.epochs * batches * self.training.iterations)
