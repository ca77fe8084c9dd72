"""Sections `training`, `rewards`, `answer`, `prompt` and `runs`: how a policy is trained."""

from typing import ClassVar, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from vqathinker.choices import AnswerParsing, Device, Kernels
from vqathinker.params.base import BaseParams
from vqathinker.params.data import SettingsParams
from vqathinker.params.model import (
    Count,
    Fraction,
    Model,
    Name,
    NonNegativeInt,
    NotNegative,
    Positive,
    Section,
)

Launch = Literal["single", "cpu-2", "gpus", "zero2", "fsdp2"]
TrainablePart = Literal["vision", "projector", "motion_projector", "language"]


class LoraParams(Model):
    """Low-rank adapters on the frozen weights of some parts."""

    rank: Count
    alpha: Positive
    parts: list[TrainablePart] = Field(min_length=1, description="parts that get adapters")


class TrainingParams(Section, key="training"):
    """GRPO (docs/method.md, section 5), or supervised fine-tuning for comparison."""

    method: Literal["grpo", "sft"] = Field(
        description="grpo: learns from rewards | sft: learns the MOS as text"
    )
    group_size: int = Field(ge=2, description="G, rollouts per video")
    videos_per_device: Count = Field(description="videos per device batch")
    gradient_accumulation: Count = Field(description="device batches per optimiser step")
    learning_rate: Positive
    schedule: Literal["linear", "cosine", "constant", "constant_with_warmup"]
    warmup_steps: NonNegativeInt
    epochs: Positive
    max_steps: Count | None = Field(description="optimiser steps; null: follow epochs")
    holdout: NonNegativeInt = Field(
        default=0,
        description="videos of the training set, drawn with the seed, that are kept for evaluation",
    )
    beta: NotNegative = Field(description="weight of the KL divergence from the reference policy")
    kl_estimator: Literal["k3", "unbiased"] = Field(
        default="k3",
        description="k3: the authors' | unbiased: k3 times the policy ratio, TRL's default",
    )
    epsilon: Positive = Field(description="clip range of the policy ratio, for iterations > 1")
    iterations: Count = Field(
        default=1, description="optimiser steps per batch of rollouts; TRL's num_iterations"
    )
    temperature: Positive = Field(description="for sampling rollouts")
    top_k: NonNegativeInt = Field(
        default=0, description="rollouts are sampled from the k likeliest tokens; 0: all"
    )
    max_new_tokens: Count = Field(description="maximum length of a rollout")
    max_grad_norm: Positive
    weight_decay: NotNegative
    loss_type: Literal["grpo", "dapo", "dr_grpo", "bnpo"] = Field(description="TRL's loss_type")
    launch: Launch = Field(description="number of processes, and what they shard")
    precision: Literal["bf16", "fp32"]
    gradient_checkpointing: bool
    freeze: list[TrainablePart] = Field(description="parts that are not trained")
    keep_encoded: bool = Field(description="cache encoded clips in memory; vision must be frozen")
    lora: LoraParams | None
    save_every: Count = Field(description="steps between checkpoints")
    keep: Count = Field(description="newest checkpoints to keep")
    tensorboard: bool = Field(description="write event files; needs tensorboard")

    @field_validator("keep_encoded")
    @classmethod
    def _require_frozen_vision(cls, keep: bool, info: ValidationInfo) -> bool:
        if keep and "vision" not in info.data.get("freeze", ["vision"]):
            raise ValueError(
                "false, or vision in training.freeze, because training changes encoded clips"
            )
        return keep


class RegressionReward(Model):
    """Regression reward (docs/method.md, section 3.1)."""

    sigma: Positive = Field(description="width of the bell, in units of the training scale")
    coarse_penalty: Fraction = Field(description="factor for fewer than two significant decimals")


class RankingReward(Model):
    """Ranking reward (docs/method.md, section 3.2)."""

    scope: Literal["device", "global"] = Field(description="videos that are compared")
    epsilon: Positive


class TemporalReward(Model):
    """Temporal reward (docs/method.md, section 3.4)."""

    rule: Literal["batch", "video", "batch_ranking_only"] = Field(
        description="scope of the mean rewards"
    )
    perturbed_rollouts: Count | None = Field(description="per video; null: group_size")
    bonus: NotNegative
    ranking_above: NotNegative = Field(description="minimum ranking reward for the bonus")
    regression_above: NotNegative = Field(description="minimum regression reward for the bonus")


class RewardWeights(Model):
    """Weight of each reward in the sum."""

    # One field for each of REWARDS in training/rewards.py. The rewards in PERTURBED need rollouts
    # on perturbed copies, which are made only if one of them has a weight.
    PERTURBED: ClassVar[frozenset[str]] = frozenset({"temporal"})

    regression: NotNegative
    ranking: NotNegative
    format: NotNegative
    temporal: NotNegative = Field(description="0: no perturbed rollouts")

    @property
    def perturbed(self) -> list[str]:
        """Rewards with a weight that need rollouts on perturbed copies."""
        return [name for name, weight in self if weight and name in self.PERTURBED]


class RewardsParams(Section, key="rewards"):
    """Rewards of a rollout (docs/method.md, section 3)."""

    regression: RegressionReward
    ranking: RankingReward
    temporal: TemporalReward
    weights: RewardWeights


class AnswerParams(Section, key="answer"):
    """How the score is parsed from a completion (docs/departures.md, 1 and 2)."""

    parsing: AnswerParsing = Field(
        description="strict: the answer is exactly one number | authors: the first number found"
    )
    range: list[float] | None = Field(
        min_length=2, max_length=2, description="scores outside are failures; null: any number"
    )

    @property
    def limits(self) -> tuple[float, float] | None:
        """Lowest and highest valid score; None: any number is valid."""
        return None if self.range is None else (self.range[0], self.range[1])

    @field_validator("range")
    @classmethod
    def _require_order(cls, limits: list[float] | None) -> list[float] | None:
        if limits is not None and not limits[0] < limits[1]:
            raise ValueError("the lowest score first, such as [0, 5]")
        return limits


class PromptParams(Section, key="prompt"):
    """Prompt of a trained run, which is stored with the policy."""

    thinking: bool = Field(description="false: ask for the answer only")
    motion: bool = Field(description="false: no motion token, and its projector is frozen")


class RunSettings(Model):
    """Settings that the training of a run depends on."""

    seed: NonNegativeInt
    training: TrainingParams
    rewards: RewardsParams
    answer: AnswerParams
    prompt: PromptParams
    kernels: Kernels = Field(description="CPU kernels of torch; avx2: no newer instructions")
    device: Device = Field(description="device of the policy; auto: a GPU if available")

    @property
    def frozen(self) -> list[TrainablePart]:
        """Parts that are not trained: `training.freeze`, and the motion projector if unused."""
        freeze = self.training.freeze
        return freeze if self.prompt.motion else [*dict.fromkeys([*freeze, "motion_projector"])]

    @property
    def copies(self) -> int:
        """Perturbed copies per video in a step; 0 if no reward needs them."""
        if self.training.method == "sft" or not self.rewards.weights.perturbed:
            return 0
        return self.rewards.temporal.perturbed_rollouts or self.training.group_size

    @model_validator(mode="after")
    def _require_adapted_parts(self) -> Self:
        lora = self.training.lora
        if lora is not None and not self.prompt.motion and "motion_projector" in lora.parts:
            raise ValueError(
                "training.lora.parts has motion_projector, but prompt.motion is false; remove it"
            )
        return self


class RunParams(RunSettings):
    """A resolved row of `runs`: the shared sections, overridden by the row."""

    train: bool = Field(description="false: evaluate the base policy without training")
    base: BaseParams = Field(description="the row's own base, or that of the scale")
    after: Name | None = Field(description="run whose policy this one starts from; null: the base")
    clips: SettingsParams
    group: Literal["main", "ablation"] = Field(description="ablation: only in `rule ablations`")
    of: Name | None = Field(description="row whose `seeds` added this one; do not set it")
