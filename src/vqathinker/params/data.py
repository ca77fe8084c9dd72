"""Sections `data`, `download` and `clips`: data sets, their download, and their sampled frames."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from vqathinker.choices import SETTING_PATTERN, PerturbationKind
from vqathinker.params.model import (
    ByName,
    Count,
    Model,
    Name,
    NonNegativeInt,
    NotNegative,
    Positive,
    Section,
)

SettingName = Annotated[
    str,
    Field(
        pattern=f"^{SETTING_PATTERN}$", description="frames x size, or frames x size-tilesNUMBER"
    ),
]
ReaderName = Literal["pyav", "decord"]


class MadeSetParams(Model):
    """How one of the demo's sets is generated."""

    contents: Literal["seen", "unseen"] = Field(description="contents of the training set, or new")
    kinds: Literal["seen", "unseen"] = Field(description="degradations of the training set, or new")
    damaged: NonNegativeInt = Field(description="number of videos that are truncated on purpose")


class DemoDataParams(Model):
    """How the demo's videos are generated."""

    seed: NonNegativeInt
    versions: Count = Field(description="degraded versions per content")
    observer_noise: NotNegative = Field(description="standard deviation of the noise added to MOS")
    ffmpeg: str | None = Field(
        default=None, min_length=1, description="path of another ffmpeg; null: the pinned one"
    )
    kinds: ByName[Positive] = Field(
        min_length=1, description="degradations of the training set, and how often each is drawn"
    )
    unseen_kinds: ByName[Positive] = Field(
        min_length=1, description="degradations that occur in test sets only"
    )
    sets: ByName[MadeSetParams]


class SetParams(Section, key="data"):
    """The part of `data` that downloading and reading one set depends on."""

    counts: ByName[Count] = Field(description="rows of each set's label file")
    cards: str = Field(min_length=1, description="folder for the cards of your own data sets")
    demo: DemoDataParams | None = Field(
        description="how the demo's videos are generated; else null"
    )


class DataParams(SetParams):
    """Data sets for training and evaluation."""

    train: Name = Field(description="data set that policies are trained on")
    in_domain: list[Name] = Field(description="benchmarks from the domain of the training set")
    out_of_distribution: list[Name] = Field(description="benchmarks from other domains")

    @model_validator(mode="after")
    def _require_counts(self) -> Self:
        named = {self.train, *self.in_domain, *self.out_of_distribution}
        if missing := sorted(named - self.counts.keys()):
            raise ValueError(
                f"counts lacks {', '.join(missing)}; add the number of rows in the label file"
            )
        return self


class DownloadParams(Section, key="download"):
    """How files are downloaded. No job depends on it, so a change reruns nothing."""

    fetch: Literal["open", "nothing", "all"] | list[Name] = Field(
        description="missing sets to download; the others have empty table rows"
    )
    mirror: str | None = Field(min_length=1, description="searched before any download; or null")
    keep_archives: bool = Field(description="keep archives after unpacking")
    attempts: Count = Field(description="attempts without progress per origin")


class PerturbationParams(Model):
    """Temporal perturbations of sampled frames (docs/method.md, section 4)."""

    kinds: list[PerturbationKind] = Field(min_length=1, description="drawn uniformly")
    draws: Count = Field(description="perturbations drawn for each video")
    window: int = Field(ge=2, description="frames per block that local_shuffle shuffles")
    jitter: Count = Field(description="largest index offset of jitter, in frames")
    duplicate_max: Count = Field(description="maximum number of copies inserted by duplicate")
    drop_max: Count = Field(description="maximum number of frames blanked by random_drop")


class SettingsParams(Model):
    """Frames x size of the clips of a run."""

    train_setting: SettingName = Field(description="frames x size of training clips")
    test_setting: SettingName = Field(description="frames x size of evaluation clips")


class DecodeParams(Section, key="clips"):
    """How videos are decoded."""

    shard_size: Count = Field(description="videos per shard; a shard is one job")
    timeout_s: Positive = Field(description="videos that take longer to decode are marked damaged")
    memory_mb: Count = Field(description="MiB; videos that need more to decode are marked damaged")
    reader: ReaderName = Field(description="the authors use decord")


class DrawParams(Section, key="clips"):
    """The part of `clips` from which perturbed copies are drawn."""

    perturbations: PerturbationParams


class ClipsParams(SettingsParams, DrawParams, DecodeParams):
    """How videos are sampled, decoded and perturbed."""
