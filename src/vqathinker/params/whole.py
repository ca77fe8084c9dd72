"""The remaining sections, and params.yaml as a whole with the schema made from it."""

from typing import ClassVar, get_args

from pydantic import Field

from vqathinker.choices import ScoreKind
from vqathinker.params.base import BaseParams
from vqathinker.params.data import ClipsParams, DataParams, DownloadParams
from vqathinker.params.model import (
    Count,
    Device,
    Kernels,
    Model,
    Name,
    Named,
    Positive,
    Precision,
    Section,
    Whole,
)
from vqathinker.params.preference import PreferenceParams
from vqathinker.params.training import (
    AnswerParams,
    PromptParams,
    RewardsParams,
    RunParams,
    TrainingParams,
)
from vqathinker.params.understanding import JudgeParams, UnderstandingParams
from vqathinker.phases.yaml12 import dump_yaml

__all__ = [
    "EXPECTATION",
    "EvaluationParams",
    "ExpectationParams",
    "IntervalsParams",
    "MetricsParams",
    "Parameters",
    "ReportParams",
    "ResourcesParams",
    "SamplingParams",
    "ScoreKind",
    "ThreadsParams",
    "json_schema",
]


class SamplingParams(Model):
    """How the answers are drawn that `mean` is the mean of."""

    answers: int = Field(ge=2, description="of one clip, which share one prefill")
    temperature: Positive
    seed: Whole


class ExpectationParams(Model):
    """When the search for the numbers that `expected` is over ends, for each clip."""

    missing: float = Field(gt=0, lt=1, description="probability that may be left unexplored")
    steps: Count = Field(description="forward steps at most")
    branches: Count = Field(description="beginnings of numbers tried at most")


# For programs that ask without params.yaml, too.
EXPECTATION = ExpectationParams(missing=1e-3, steps=256, branches=65536)


class EvaluationParams(Section):
    """Prediction (docs/method.md, section 6); the greedy score is always there."""

    KEY: ClassVar[str] = "evaluation"

    batch_size: Count
    max_new_tokens: Count
    precision: Precision = Field(description="auto: bf16 on a GPU, fp32 on the CPU")
    score: ScoreKind = Field(description="which one the tables show as the score")
    beside: list[ScoreKind] = Field(description="scores that are kept beside it")
    sampling: SamplingParams
    expectation: ExpectationParams = EXPECTATION

    @property
    def kinds(self) -> tuple[ScoreKind, ...]:
        """Every score that is made, greedy first."""
        wanted = {"greedy", self.score, *self.beside}
        return tuple(kind for kind in get_args(ScoreKind) if kind in wanted)


class IntervalsParams(Model):
    """Intervals of measures, and the pairs of videos whose order is looked at."""

    resamples: int = Field(ge=100, description="of the videos, or contents, of a benchmark")
    seed: Whole
    confidence: float = Field(ge=0.5, lt=1, description="part of intervals that are to cover")


class MetricsParams(Section):
    """What counts as a result; apart from `data`, so that a change here decodes nothing again."""

    KEY: ClassVar[str] = "metrics"

    allow_incomplete: bool = Field(description="score benchmarks that lack videos, too")
    intervals: IntervalsParams


class ReportParams(Section):
    """Tables, figures, and the page that shows them."""

    KEY: ClassVar[str] = "report"

    title: str = Field(min_length=1)
    method: Name = Field(description="run that tables compare the others with")
    resamples: int = Field(ge=100, description="of averages, and of differences between runs")


class ThreadsParams(Section):
    """Threads of one job; no result may depend on them, nor on `resources`."""

    KEY: ClassVar[str] = "threads"

    video: Count = Field(description="fetch, manifest, decode, perturb")
    base: Count
    train: Count
    predict: Count = Field(description="export, predict")
    report: Count = Field(description="metrics, tables, figures, page")


class JobResources(Model):
    """What the workflow asks for, for one job."""

    gpu: Whole
    mem_mb: Count
    runtime: Count = Field(description="minutes")


class ResourcesParams(Section):
    """What else jobs ask for, by the same groups of rules."""

    KEY: ClassVar[str] = "resources"

    video: JobResources
    base: JobResources
    train: JobResources
    predict: JobResources
    report: JobResources


class Parameters(Model):
    """params.yaml at one scale, every run spelled out."""

    scale: Name
    seed: Whole
    data: DataParams
    download: DownloadParams
    clips: ClipsParams
    base: BaseParams
    training: TrainingParams
    rewards: RewardsParams
    answer: AnswerParams
    prompt: PromptParams
    runs: Named[RunParams] = Field(min_length=1)
    evaluation: EvaluationParams
    preference: PreferenceParams
    metrics: MetricsParams
    understanding: UnderstandingParams
    judge: JudgeParams | None = Field(description="of open answers; null: they have no score")
    report: ReportParams
    kernels: Kernels = Field(description="of torch on the CPU; avx2: none newer than that")
    device: Device = Field(description="of the policy; auto: the GPU where there is one")
    threads: ThreadsParams
    resources: ResourcesParams


def json_schema() -> str:
    """The schema of the resolved parameters, as YAML with a note on where it comes from."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    schema |= Parameters.model_json_schema()
    return "# Made by `vqathinker schema` from src/vqathinker/params.\n" + dump_yaml(
        schema, allow_unicode=True, width=100
    )
