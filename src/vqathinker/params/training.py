"""Sections `training`, `rewards` and `runs`: what is learned, from which rewards, and how."""

from typing import ClassVar, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from vqathinker.choices import AnswerReading
from vqathinker.params.base import BaseParams
from vqathinker.params.data import SettingsParams
from vqathinker.params.model import (
    Count,
    Device,
    Kernels,
    Model,
    Name,
    NotNegative,
    Positive,
    Section,
    Share,
    Whole,
)

__all__ = [
    "AnswerParams",
    "KeepParams",
    "LoraParams",
    "PatienceParams",
    "PromptParams",
    "RewardWeights",
    "RewardsParams",
    "RunParams",
    "RunSettings",
    "TrainingParams",
]

Launch = Literal["single", "cpu-2", "gpus", "zero2", "fsdp2"]
TrainablePart = Literal["vision", "projector", "motion_projector", "language"]


class LoraParams(Model):
    """Low-rank adapters beside the frozen weights of some parts."""

    rank: Count
    alpha: Positive
    parts: list[TrainablePart] = Field(min_length=1, description="whose linear layers get one")


class PatienceParams(Model):
    """Steps in a row of which nothing can be learned, then a run stops; null: it goes on."""

    no_spread: Count | None = Field(description="the rollouts of every group have equal rewards")
    no_answer: Count | None = Field(description="no rollout has a readable answer")


class KeepParams(Model):
    """Checkpoints of a run that stay; one may be both."""

    last: Count = Field(description="newest ones")
    best: Whole = Field(description="those with the highest reward since the checkpoint before")


class TrainingParams(Section):
    """GRPO (docs/method.md, section 5), or supervised fine-tuning to compare it with."""

    KEY: ClassVar[str] = "training"

    method: Literal["grpo", "sft"] = Field(
        description="grpo: from rewards | sft: from the MOS, spelled out as the answer"
    )
    group_size: int = Field(ge=2, description="G: rollouts of one video")
    videos_per_device: Count = Field(description="videos that meet in one device's batch")
    gradient_accumulation: Count = Field(description="device batches of one optimiser step")
    learning_rate: Positive
    schedule: Literal["linear", "cosine", "constant", "constant_with_warmup"]
    warmup_steps: Whole
    epochs: Positive
    max_steps: Count | None = Field(description="optimiser steps; null: as many as epochs make")
    beta: NotNegative = Field(description="weight of the KL divergence from the base policy")
    kl_estimator: Literal["k3", "unbiased"] = Field(
        default="k3",
        description="k3: the authors' | unbiased: k3 times the policy ratio, TRL's default",
    )
    epsilon: Positive = Field(description="clip range of the policy ratio; with iterations above 1")
    iterations: Count = Field(
        default=1, description="optimiser steps on the same rollouts; TRL's num_iterations"
    )
    temperature: Positive = Field(description="of sampling rollouts")
    top_k: Whole = Field(
        default=0, description="most probable tokens that rollouts are sampled from; 0: all"
    )
    max_new_tokens: Count = Field(description="longest rollout")
    max_grad_norm: Positive
    weight_decay: NotNegative
    loss_type: Literal["grpo", "dapo", "dr_grpo", "bnpo"] = Field(description="TRL's loss_type")
    launch: Launch = Field(description="how many processes train, and what they share")
    precision: Literal["bf16", "fp32"]
    gradient_checkpointing: bool
    freeze: list[TrainablePart] = Field(description="parts that are not trained")
    keep_encoded: bool = Field(description="encoded clips stay in memory; vision must be frozen")
    lora: LoraParams | None
    save_every: Count = Field(description="steps between checkpoints")
    keep: KeepParams
    log_every: Count = Field(description="steps between rows of history.csv")
    tensorboard: bool = Field(description="log rows as event files, too; needs tensorboard")
    patience: PatienceParams

    @field_validator("keep_encoded")
    @classmethod
    def _require_frozen_vision(cls, keep: bool, info: ValidationInfo) -> bool:
        if keep and "vision" not in info.data.get("freeze", ["vision"]):
            raise ValueError("false, or vision in training.freeze: a trained encoder sees anew")
        return keep


class RegressionReward(Model):
    """docs/method.md, section 3.1."""

    sigma: Positive = Field(description="width of the bell, on the training scale")
    coarse_penalty: Share = Field(description="factor for fewer than two significant decimals")


class RankingReward(Model):
    """docs/method.md, section 3.2."""

    scope: Literal["device", "global"] = Field(description="which videos are compared")
    epsilon: Positive


class TemporalReward(Model):
    """docs/method.md, section 3.4."""

    rule: Literal["batch", "video", "batch_ranking_only"] = Field(description="over what means run")
    copies: Count | None = Field(description="perturbed rollouts of a video; null: group_size")
    bonus: NotNegative
    ranking_above: NotNegative = Field(description="ranking reward that the bonus needs")
    regression_above: NotNegative = Field(description="regression reward that the bonus needs")


class RewardWeights(Model):
    """Weights of the sum."""

    # One field for each of REWARDS in training/rewards.py. These compare with rollouts on
    # perturbed copies, which are made only while one of them has a weight.
    PERTURBED: ClassVar[frozenset[str]] = frozenset({"temporal"})

    regression: NotNegative
    ranking: NotNegative
    format: NotNegative
    temporal: NotNegative = Field(description="0: no perturbed rollouts are made")

    @property
    def perturbed(self) -> list[str]:
        """Rewards with a weight that compare with rollouts on perturbed copies."""
        return [name for name, weight in self if weight and name in self.PERTURBED]


class RewardsParams(Section):
    """What a rollout is rewarded for (docs/method.md, section 3)."""

    KEY: ClassVar[str] = "rewards"

    regression: RegressionReward
    ranking: RankingReward
    temporal: TemporalReward
    weights: RewardWeights


class AnswerParams(Section):
    """What of a completion counts as a score (docs/departures.md, 1 and 2)."""

    KEY: ClassVar[str] = "answer"

    reading: AnswerReading = Field(
        description="strict: an answer that is one number | authors: the first number found"
    )
    range: list[float] | None = Field(
        min_length=2, max_length=2, description="lowest and highest score; null: any number"
    )

    @property
    def limits(self) -> tuple[float, float] | None:
        """Lowest and highest score; None: any number."""
        return None if self.range is None else (self.range[0], self.range[1])

    @field_validator("range")
    @classmethod
    def _require_order(cls, limits: list[float] | None) -> list[float] | None:
        if limits is not None and not limits[0] < limits[1]:
            raise ValueError("the lowest score before the highest, such as [0, 5]")
        return limits


class PromptParams(Section):
    """What the prompt of a trained run asks for; the policy keeps it and is asked so ever after."""

    KEY: ClassVar[str] = "prompt"

    thinking: bool = Field(description="false: for the answer alone, and rewards just that format")
    motion: bool = Field(description="false: no motion token, and nothing of its branch is trained")


class RunSettings(Model):
    """What training a run depends on."""

    seed: Whole
    training: TrainingParams
    rewards: RewardsParams
    answer: AnswerParams
    prompt: PromptParams
    kernels: Kernels = Field(description="of torch on the CPU; avx2: none newer than that")
    device: Device = Field(description="of the policy; auto: the GPU where there is one")

    @property
    def frozen(self) -> list[TrainablePart]:
        """Parts that are not trained: `training.freeze`, and the projector of a token left out."""
        freeze = self.training.freeze
        return freeze if self.prompt.motion else [*dict.fromkeys([*freeze, "motion_projector"])]

    @property
    def copies(self) -> int:
        """Perturbed copies of a video that a step asks about; 0: nothing compares with them."""
        if self.training.method == "sft" or not self.rewards.weights.perturbed:
            return 0
        return self.rewards.temporal.copies or self.training.group_size

    @model_validator(mode="after")
    def _adapt_what_is_there(self) -> Self:
        lora = self.training.lora
        if lora is not None and not self.prompt.motion and "motion_projector" in lora.parts:
            raise ValueError(
                "no motion_projector in training.lora.parts where prompt.motion is false"
            )
        return self


class RunParams(RunSettings):
    """One row of `runs`, spelled out: the shared sections with the row laid over them."""

    train: bool = Field(description="false: the base policy is evaluated as it is")
    base: BaseParams = Field(description="the row's own, or that of the scale")
    after: Name | None = Field(description="run whose policy it starts from; null: from the base")
    clips: SettingsParams
    group: Literal["main", "ablation"] = Field(description="ablation: only in `rule ablations`")
    of: Name | None = Field(description="the row whose `seeds` made this one; made by no hand")
