"""Sections `data`, `download`, `clips`: the data sets, their download, and their frames."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from vqathinker.choices import PerturbationKind
from vqathinker.params.model import Count, Model, Name, Named, NotNegative, Positive, Section, Whole

SettingName = Annotated[str, Field(pattern=r"^[1-9]\d*x[1-9]\d*$", description="frames x size")]
ReaderName = Literal["pyav", "decord"]


class MadeSetParams(Model):
    """How one of the demo's sets is made."""

    contents: Literal["seen", "unseen"] = Field(description="as in training, or kept from it")
    kinds: Literal["seen", "unseen"] = Field(description="as in training, or kept from it")
    damaged: Whole = Field(description="videos truncated on purpose")


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


class SetParams(Section, key="data"):
    """What downloading and reading one set depends on."""

    counts: Named[Count] = Field(description="rows of each set's label file")
    cards: str = Field(min_length=1, description="folder of your own cards")
    demo: DemoDataParams | None = Field(description="how the demo's videos are made; else null")


class DataParams(SetParams):
    """The sets for training and evaluation."""

    train: Name = Field(description="data set that policies are trained on")
    in_domain: list[Name] = Field(description="benchmarks of the same domain as the training set")
    out_of_distribution: list[Name] = Field(description="benchmarks of another domain")

    @model_validator(mode="after")
    def _require_counts(self) -> Self:
        named = {self.train, *self.in_domain, *self.out_of_distribution}
        if missing := sorted(named - self.counts.keys()):
            raise ValueError(f"counts has no row for {', '.join(missing)}")
        return self


class DownloadParams(Section, key="download"):
    """How files are downloaded; no job depends on it, so a change downloads nothing again."""

    bring: Literal["open", "nothing", "all"] | list[Name] = Field(
        description="sets that the workflow downloads; others have empty rows while absent"
    )
    mirror: str | None = Field(min_length=1, description="folder tried before any origin; or null")
    keep_archives: bool = Field(description="keep archives after unpacking")
    attempts: Count = Field(description="tries in a row without a new byte, then the next origin")


class PerturbationParams(Model):
    """Temporal perturbations of sampled frames (docs/method.md, section 4)."""

    kinds: list[PerturbationKind] = Field(min_length=1, description="drawn from uniformly")
    draws: Count = Field(description="perturbations drawn for each video")
    window: int = Field(ge=2, description="frames of a window of local_shuffle")
    jitter: Count = Field(description="largest index offset of jitter, in frames")
    duplicate_max: Count = Field(description="most copies that duplicate inserts")
    drop_max: Count = Field(description="most frames that random_drop blanks")


class SettingsParams(Model):
    """Frames x size of the clips of a run: the section `clips`, overlaid with its row."""

    train_setting: SettingName = Field(description="frames x size of training clips")
    test_setting: SettingName = Field(description="frames x size of evaluation clips")


class DecodeParams(Section, key="clips"):
    """How videos are decoded to stored frames."""

    shard_size: Count = Field(description="videos of one shard, which is one job")
    timeout_s: Positive = Field(description="seconds; videos that exceed it are marked damaged")
    memory_mb: Count = Field(description="MiB; videos that exceed it are marked damaged")
    reader: ReaderName = Field(description="decoder; the authors use decord")


class DrawParams(Section, key="clips"):
    """What the perturbed copies of clips are drawn from."""

    perturbations: PerturbationParams


class ClipsParams(SettingsParams, DrawParams, DecodeParams):
    """How videos are decoded, and the perturbations drawn for them."""
