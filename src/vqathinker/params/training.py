"""Sections `training`, `rewards`, `answer`, `prompt` and `runs`: how a policy is trained."""

from typing import ClassVar, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from vqathinker.choices import AnswerReading, Device, Kernels
from vqathinker.params.base import BaseParams
from vqathinker.params.data import SettingsParams
from vqathinker.params.model import Count, Model, Name, NotNegative, Positive, Section, Share, Whole

Launch = Literal["single", "cpu-2", "gpus", "zero2", "fsdp2"]
TrainablePart = Literal["vision", "projector", "motion_projector", "language"]


class LoraParams(Model):
    """Low-rank adapters of the frozen weights of some parts."""

    rank: Count
    alpha: Positive
    parts: list[TrainablePart] = Field(min_length=1, description="parts with adapted linear layers")


class TrainingParams(Section, key="training"):
    """GRPO (docs/method.md, section 5), or supervised fine-tuning for comparison."""

    method: Literal["grpo", "sft"] = Field(
        description="grpo: from rewards | sft: from the MOS, written as the answer"
    )
    group_size: int = Field(ge=2, description="G: rollouts of one video")
    videos_per_device: Count = Field(description="videos of one batch on one device")
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
    keep_encoded: bool = Field(description="keep encoded clips in memory; vision must be frozen")
    lora: LoraParams | None
    save_every: Count = Field(description="steps between checkpoints")
    keep: Count = Field(description="newest checkpoints that are kept")
    tensorboard: bool = Field(description="also write event files; needs tensorboard")

    @field_validator("keep_encoded")
    @classmethod
    def _require_frozen_vision(cls, keep: bool, info: ValidationInfo) -> bool:
        if keep and "vision" not in info.data.get("freeze", ["vision"]):
            raise ValueError("false, or vision in training.freeze: training changes its encoding")
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

    rule: Literal["batch", "video", "batch_ranking_only"] = Field(description="scope of the means")
    copies: Count | None = Field(description="perturbed rollouts of a video; null: group_size")
    bonus: NotNegative
    ranking_above: NotNegative = Field(description="ranking reward that the bonus needs")
    regression_above: NotNegative = Field(description="regression reward that the bonus needs")


class RewardWeights(Model):
    """Weights of the sum."""

    # One field for each of REWARDS in training/rewards.py. The rewards in PERTURBED compare with
    # rollouts on perturbed copies, which are made only while one of them has a weight.
    PERTURBED: ClassVar[frozenset[str]] = frozenset({"temporal"})

    regression: NotNegative
    ranking: NotNegative
    format: NotNegative
    temporal: NotNegative = Field(description="0: no perturbed rollouts are made")

    @property
    def perturbed(self) -> list[str]:
        """Rewards with a weight that compare with rollouts on perturbed copies."""
        return [name for name, weight in self if weight and name in self.PERTURBED]


class RewardsParams(Section, key="rewards"):
    """The rewards of a rollout (docs/method.md, section 3)."""

    regression: RegressionReward
    ranking: RankingReward
    temporal: TemporalReward
    weights: RewardWeights


class AnswerParams(Section, key="answer"):
    """How the score is parsed from a completion (docs/departures.md, 1 and 2)."""

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


class PromptParams(Section, key="prompt"):
    """What the prompt of a trained run asks for; it is stored with the policy."""

    thinking: bool = Field(description="false: for the answer alone, and rewards just that format")
    motion: bool = Field(description="false: no motion token, and nothing of its branch is trained")


class RunSettings(Model):
    """What the training of a run depends on."""

    seed: Whole
    training: TrainingParams
    rewards: RewardsParams
    answer: AnswerParams
    prompt: PromptParams
    kernels: Kernels = Field(description="of torch on the CPU; avx2: none newer than that")
    device: Device = Field(description="of the policy; auto: the GPU if there is one")

    @property
    def frozen(self) -> list[TrainablePart]:
        """Parts that are not trained: `training.freeze`, and the projector of an unused token."""
        freeze = self.training.freeze
        return freeze if self.prompt.motion else [*dict.fromkeys([*freeze, "motion_projector"])]

    @property
    def copies(self) -> int:
        """Perturbed copies of a video in a step; 0 if no reward compares with them."""
        if self.training.method == "sft" or not self.rewards.weights.perturbed:
            return 0
        return self.rewards.temporal.copies or self.training.group_size

    @model_validator(mode="after")
    def _require_adapted_parts(self) -> Self:
        lora = self.training.lora
        if lora is not None and not self.prompt.motion and "motion_projector" in lora.parts:
            raise ValueError("no motion_projector in training.lora.parts if prompt.motion is false")
        return self


class RunParams(RunSettings):
    """One resolved row of `runs`: the shared sections, overlaid with the row."""

    train: bool = Field(description="false: the base policy is evaluated as it is")
    base: BaseParams = Field(description="the row's own, or that of the scale")
    after: Name | None = Field(description="run whose policy it starts from; null: from the base")
    clips: SettingsParams
    group: Literal["main", "ablation"] = Field(description="ablation: only in `rule ablations`")
    of: Name | None = Field(description="the row whose `seeds` made this one; never set by hand")
