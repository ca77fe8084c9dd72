"""Section `preference`: how often a raw clip scores above its perturbed copies."""

from typing import ClassVar

from pydantic import Field

from vqathinker.params.model import Count, Name, Section, Whole

__all__ = ["CompareParams", "PreferenceParams"]


class CompareParams(Section):
    """Which clips are compared with perturbed copies of themselves."""

    KEY: ClassVar[str] = "preference"

    videos: Count | None = Field(description="drawn from each benchmark; null: all of them")
    seed: Whole = Field(description="of the videos and of their perturbations")


class PreferenceParams(CompareParams):
    """Temporal preference (docs/preference.md)."""

    benchmarks: list[Name] = Field(description="test sets of the scale; none: it is not measured")
