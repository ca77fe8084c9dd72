"""Section `base`: the policy that a run starts from. A row of `runs` can have its own `base`."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from vqathinker.params.model import Count, Model, Name, NonNegativeInt, Positive, Section

# InternVL3 in the layout of transformers, by name of the base policy.
REPOS = {
    f"internvl3-{size.lower()}": f"OpenGVLab/InternVL3-{size}-hf"
    for size in ("1B", "2B", "8B", "14B")
}

# The authors' released weights, in their layout. Keep equal to `runs.released` of params.yaml.
RELEASED = "kkkkkklinhan/InternVL3-VQAThinker-8B"


class FilterBankParams(Model):
    """The demo's motion encoder: fixed filters, with no weights to train or download."""

    encoder: Literal["filter_bank"]


class SlowFastParams(Model):
    """The paper's motion encoder, frozen."""

    encoder: Literal["slowfast_r50"]
    weights: str = Field(min_length=1, description="path or URL of pytorchvideo's file")
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        description="expected SHA-256 of the file; null: accept any file and record its hash"
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
    """A pretraining stage of the demo's policy."""

    steps: Count
    batch_size: Count
    learning_rate: Positive


class _Base(Section, key="base"):
    name: Name = Field(description="folder under models/base")


class DemoBaseParams(_Base):
    """A tiny policy that is built and pretrained locally."""

    kind: Literal["demo"]
    seed: NonNegativeInt
    motion: FilterBankParams
    vision: VisionSize
    text: TextSize
    perception: StageParams = Field(description="learn kind and strength of degradations; no MOS")
    answer_format: StageParams = Field(description="learn the answer format with random scores")


class HubBaseParams(_Base):
    """InternVL3 from the Hugging Face hub, with SlowFast and a new motion projector."""

    kind: Literal["hub"]
    seed: NonNegativeInt = Field(description="initialises the motion projector")
    repo: str | None = Field(
        description="owner/name on the hub, or a folder; null: implied by `name`"
    )
    revision: str = Field(min_length=1, description="branch, tag or commit")
    motion: SlowFastParams

    @model_validator(mode="after")
    def _require_repo(self) -> Self:
        if self.repo is None and self.name not in REPOS:
            raise ValueError(f"repo is null, so name must be one of {', '.join(REPOS)}")
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
    """A policy folder as `export` writes it, used unchanged."""

    kind: Literal["policy"]


class OriginalBaseParams(_StoredBase):
    """Weights in the authors' layout: original InternVL with SlowFast and its projector."""

    kind: Literal["original"]
    motion: SlowFastParams | None = Field(
        description="SlowFast's weights if the checkpoint has none; else null"
    )


BaseParams = Annotated[
    DemoBaseParams | HubBaseParams | PolicyBaseParams | OriginalBaseParams,
    Field(discriminator="kind"),
]
