"""Section `base`: the policy that a run starts from.

A row of `runs` may have a `base` of its own.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from vqathinker.params.model import Count, Model, Name, Positive, Section, Whole

# InternVL3 in the layout of transformers, by the name of the base policy.
REPOS = {
    f"internvl3-{size.lower()}": f"OpenGVLab/InternVL3-{size}-hf"
    for size in ("1B", "2B", "8B", "14B")
}

# The authors' released weights, in their layout; also `runs.released` of params.yaml.
RELEASED = "kkkkkklinhan/InternVL3-VQAThinker-8B"


class FilterBankParams(Model):
    """Motion encoder of the demo: fixed filters, without weights to train or download."""

    encoder: Literal["filter_bank"]


class SlowFastParams(Model):
    """Motion encoder of the paper, frozen."""

    encoder: Literal["slowfast_r50"]
    weights: str = Field(min_length=1, description="path or address of pytorchvideo's file")
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        description="expected hash of the file; null: accept any, and record its hash"
    )


class TextSize(Model):
    """Language model of the demo's policy."""

    hidden_size: Count
    layers: Count
    heads: Count


class VisionSize(TextSize):
    """Vision tower of the demo's policy."""

    patch_size: Count = Field(description="pixels")


class StageParams(Model):
    """A stage of preparing the demo's policy."""

    steps: Count
    batch_size: Count
    learning_rate: Positive


class _Base(Section, key="base"):
    name: Name = Field(description="folder under models/base")


class DemoBaseParams(_Base):
    """A tiny policy, built and pretrained locally."""

    kind: Literal["demo"]
    seed: Whole
    motion: FilterBankParams
    vision: VisionSize
    text: TextSize
    perception: StageParams = Field(description="kind and strength of a degradation, no MOS")
    speech: StageParams = Field(description="the answer format, with scores unrelated to the clip")


class HubBaseParams(_Base):
    """InternVL3 from the Hugging Face hub, with a new motion projector and SlowFast's weights."""

    kind: Literal["hub"]
    seed: Whole = Field(description="of the motion projector's weights")
    repo: str | None = Field(
        description="owner/name on the hub, or a folder; null: the entry of REPOS for `name`"
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
        """Repository or folder of the policy."""
        return self.repo or REPOS[self.name]


class _StoredBase(_Base):
    repo: str = Field(min_length=1, description="a folder, or owner/name on the hub")
    revision: str = Field(min_length=1, description="branch, tag or commit; ignored for a folder")

    @property
    def source(self) -> str:
        """Repository or folder of the policy."""
        return self.repo


class PolicyBaseParams(_StoredBase):
    """A policy in this project's layout: a folder written by `export`, used unchanged."""

    kind: Literal["policy"]


class OriginalBaseParams(_StoredBase):
    """Weights in the authors' layout: InternVL's original one, with SlowFast and its projector."""

    kind: Literal["original"]
    motion: SlowFastParams | None = Field(
        description="SlowFast's weights for a checkpoint without them; null: it has its own"
    )


BaseParams = Annotated[
    DemoBaseParams | HubBaseParams | PolicyBaseParams | OriginalBaseParams,
    Field(discriminator="kind"),
]
