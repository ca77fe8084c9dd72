"""Sections `data`, `download`, `clips`: which sets, how they come, how videos become frames."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from vqathinker.choices import PerturbationKind
from vqathinker.params.model import (
    Count,
    Model,
    Name,
    Named,
    NotNegative,
    Positive,
    Section,
    Whole,
)

__all__ = [
    "ClipsParams",
    "DataParams",
    "DecodeParams",
    "DemoDataParams",
    "DownloadParams",
    "DrawParams",
    "MadeSetParams",
    "PerturbationParams",
    "ReaderName",
    "SetParams",
    "SettingsParams",
]

SettingName = Annotated[str, Field(pattern=r"^[1-9]\d*x[1-9]\d*$", description="frames x size")]
ReaderName = Literal["pyav", "decord"]


class MadeSetParams(Model):
    """How one of the demo's sets is made."""

    contents: Literal["seen", "unseen"] = Field(description="as in training, or kept from it")
    kinds: Literal["seen", "unseen"] = Field(description="as in training, or kept from it")
    damaged: Whole = Field(description="videos cut off on purpose")


class DemoDataParams(Model):
    """What the demo's videos are made from."""

    seed: Whole
    versions: Count = Field(description="degraded versions of one content")
    observer_noise: NotNegative = Field(description="standard deviation added to MOS")
    ffmpeg: str | None = Field(
        default=None, min_length=1, description="another ffmpeg; null: the pinned one"
    )
    kinds: list[str] = Field(min_length=1, description="degradations of training")
    unseen_kinds: list[str] = Field(min_length=1, description="degradations kept from training")
    sets: Named[MadeSetParams]


class SetParams(Section):
    """What bringing and reading one set depends on; the section `data` says it of all of them."""

    KEY: ClassVar[str] = "data"

    counts: Named[Count] = Field(description="rows of each set's label file")
    cards: str = Field(min_length=1, description="folder of your own cards, beside the built-in")
    demo: DemoDataParams | None = Field(description="how the demo's videos are made; else null")


class DataParams(SetParams):
    """Which sets are trained and evaluated on."""

    train: Name = Field(description="data set that policies are trained on")
    in_domain: list[Name] = Field(description="benchmarks of the same domain as the training set")
    out_of_distribution: list[Name] = Field(description="benchmarks of another domain")

    @model_validator(mode="after")
    def _require_counts(self) -> Self:
        named = {self.train, *self.in_domain, *self.out_of_distribution}
        if missing := sorted(named - self.counts.keys()):
            raise ValueError(f"counts has no row for {', '.join(missing)}")
        return self


class DownloadParams(Section):
    """How files come; no input of a rule, so that other patience fetches nothing again."""

    KEY: ClassVar[str] = "download"

    bring: Literal["open", "nothing", "all"] | list[Name] = Field(
        description="sets that the workflow brings; others are empty rows until they are there"
    )
    mirror: str | None = Field(min_length=1, description="folder asked before any origin; or null")
    keep_archives: bool = Field(description="keep downloaded archives once they are unpacked")
    attempts: Count = Field(description="tries in a row without a new byte, then the next origin")


class PerturbationParams(Model):
    """Temporal perturbations of sampled frames (docs/method.md, section 4)."""

    kinds: list[PerturbationKind] = Field(min_length=1, description="drawn from uniformly")
    draws: Count = Field(description="perturbations drawn ahead for each video")
    window: int = Field(ge=2, description="frames of a window of local_shuffle")
    jitter: Count = Field(description="largest index offset of jitter, in frames")
    duplicate_max: Count = Field(description="most copies that duplicate inserts")
    drop_max: Count = Field(description="most frames that random_drop blanks")


class SettingsParams(Model):
    """Frames x size that a run sees: the section `clips`, with what its row says laid over it."""

    train_setting: SettingName = Field(description="of the clips that it is trained on")
    test_setting: SettingName = Field(description="of the clips that it is evaluated on")


class DecodeParams(Section):
    """How videos become stored frames, decoded once."""

    KEY: ClassVar[str] = "clips"

    shard_size: Count = Field(description="videos of one shard, which is one job")
    timeout_s: Positive = Field(description="seconds after which a video counts as damaged")
    memory_mb: Count = Field(description="MiB beyond which a video counts as damaged")
    reader: ReaderName = Field(description="what decodes; decord as the authors")


class DrawParams(Section):
    """What perturbed copies of clips are drawn from."""

    KEY: ClassVar[str] = "clips"

    perturbations: PerturbationParams


class ClipsParams(DrawParams, DecodeParams):
    """How videos become stored frames, decoded once, and the perturbations drawn for them."""

    train_setting: SettingName = Field(description="frames x size of training clips")
    test_setting: SettingName = Field(description="frames x size of evaluation clips")
