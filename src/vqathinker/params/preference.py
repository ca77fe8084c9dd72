"""Section `preference`: how often a raw clip scores above its perturbed copies."""

from typing import ClassVar

from pydantic import Field

from vqathinker.params.model import Count, Name, Section, Whole

__all__ = ["PreferenceParams"]


class PreferenceParams(Section):
    """Temporal preference (docs/preference.md)."""

    KEY: ClassVar[str] = "preference"

    benchmarks: list[Name] = Field(description="test sets of the scale; none: it is not measured")
    videos: Count | None = Field(description="drawn from each benchmark; null: all of them")
    seed: Whole = Field(description="of the videos and of their perturbations")
