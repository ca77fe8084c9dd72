"""Section `base`: the policy that a run starts from, made on the spot or brought from elsewhere.

It may stand in a row of `runs` too, and is then that run's own.
"""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from vqathinker.params.model import Count, Model, Name, Positive, Section, Whole

__all__ = [
    "RELEASED",
    "REPOS",
    "BaseParams",
    "DemoBaseParams",
    "HubBaseParams",
    "OriginalBaseParams",
    "PolicyBaseParams",
    "StageParams",
]

# InternVL3 in transformers' own layout, by the name of a base policy.
REPOS = {
    f"internvl3-{size.lower()}": f"OpenGVLab/InternVL3-{size}-hf"
    for size in ("1B", "2B", "8B", "14B")
}

# The authors' own weights, in their layout; also `runs.released` of params.yaml.
RELEASED = "kkkkkklinhan/InternVL3-VQAThinker-8B"


class FilterBankParams(Model):
    """The demo's motion encoder, which has nothing to be learned or downloaded."""

    encoder: Literal["filter_bank"]


class SlowFastParams(Model):
    """The method's motion encoder, frozen."""

    encoder: Literal["slowfast_r50"]
    weights: str = Field(min_length=1, description="path or address of pytorchvideo's file")
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        description="what the file has to hash to; null: take it, and record its hash"
    )


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


class StageParams(Model):
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
    motion: FilterBankParams
    vision: VisionSize
    text: TextSize
    perception: StageParams = Field(description="kind and strength of a degradation, no MOS")
    speech: StageParams = Field(description="the answer format, with scores that say nothing")


class HubBaseParams(Section):
    """InternVL3 from the Hugging Face hub, with a fresh motion projector and SlowFast's weights."""

    KEY: ClassVar[str] = "base"

    name: Name = Field(description="folder under models/base")
    kind: Literal["hub"]
    seed: Whole = Field(description="of the motion projector's weights")
    repo: str | None = Field(
        description="owner/name on the hub, or a folder; null: the one of REPOS that name says"
    )
    revision: str = Field(min_length=1, description="branch, tag or commit")
    motion: SlowFastParams

    @model_validator(mode="after")
    def _require_repo(self) -> Self:
        if self.repo is None and self.name not in REPOS:
            raise ValueError(f"repo is null, and name is none of {', '.join(REPOS)}")
        return self

    @property
    def source(self) -> str:
        """The repository or folder to take the policy from."""
        return self.repo or REPOS[self.name]


class PolicyBaseParams(Section):
    """A policy in this project's own layout, taken as it is: a folder that `export` wrote."""

    KEY: ClassVar[str] = "base"

    name: Name = Field(description="folder under models/base")
    kind: Literal["policy"]
    repo: str = Field(min_length=1, description="a folder, or owner/name on the hub")
    revision: str = Field(min_length=1, description="branch, tag or commit; a folder has none")

    @property
    def source(self) -> str:
        """The repository or folder to take the policy from."""
        return self.repo


class OriginalBaseParams(Section):
    """Weights in the authors' layout: InternVL's original one, with SlowFast and its projector."""

    KEY: ClassVar[str] = "base"

    name: Name = Field(description="folder under models/base")
    kind: Literal["original"]
    repo: str = Field(min_length=1, description="a folder, or owner/name on the hub")
    revision: str = Field(min_length=1, description="branch, tag or commit; a folder has none")
    motion: SlowFastParams | None = Field(
        description="SlowFast's weights for a checkpoint without them; null: it has its own"
    )

    @property
    def source(self) -> str:
        """The repository or folder to take the policy from."""
        return self.repo


BaseParams = Annotated[
    DemoBaseParams | HubBaseParams | PolicyBaseParams | OriginalBaseParams,
    Field(discriminator="kind"),
]
