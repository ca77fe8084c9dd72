"""Section `base`: the policy that training starts from, made on the spot or from the hub."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from vqathinker.params.model import Count, Model, Name, Positive, Section, Whole

__all__ = ["BaseParams", "DemoBaseParams", "HubBaseParams", "LessonParams", "MotionParams"]


class MotionParams(Model):
    """Where the motion token comes from."""

    encoder: Literal["slowfast_r50", "filter_bank"]


class VisionSize(Model):
    """Vision tower of the demo's policy."""

    hidden_size: Count
    layers: Count
    heads: Count
    patch_size: Count = Field(description="pixels")


class TextSize(Model):
    """Language model of the demo's policy."""

    hidden_size: Count
    layers: Count
    heads: Count


class LessonParams(Model):
    """A stage of preparing the demo's policy."""

    steps: Count
    batch_size: Count
    learning_rate: Positive


class DemoBaseParams(Section):
    """A tiny policy, built and taught to see and to speak on the spot."""

    KEY: ClassVar[str] = "base"

    name: Name = Field(description="folder under models/base")
    kind: Literal["demo"]
    seed: Whole
    motion: MotionParams
    vision: VisionSize
    text: TextSize
    perception: LessonParams = Field(description="kind and strength of a degradation, no MOS")
    speech: LessonParams = Field(description="the answer format, with scores that say nothing")


class HubBaseParams(Section):
    """A policy from the Hugging Face hub."""

    KEY: ClassVar[str] = "base"

    name: Name = Field(description="folder under models/base")
    kind: Literal["hub"]
    repo: str = Field(pattern=r"^[\w.-]+/[\w.-]+$", description="owner/name on the hub")
    revision: str = Field(min_length=1, description="branch, tag or commit")
    motion: MotionParams


BaseParams = Annotated[DemoBaseParams | HubBaseParams, Field(discriminator="kind")]
