"""Sections of evaluation, understanding and report, and the resources of jobs."""

from typing import Literal, get_args

from pydantic import Field

from vqathinker.choices import Precision, ScoreKind
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

QuestionKind = Literal["choice", "rating", "open"]
TaskKind = Literal["made", "finevd", "maxwell", "q_bench_video", "description"]
AnswerBy = Literal["generated", "letters", "texts"]


class SamplingParams(Model):
    """How the answers that the score `mean` averages are sampled."""

    answers: int = Field(ge=2, description="per clip")
    temperature: Positive
    seed: NonNegativeInt


class ExpectationParams(Model):
    """When the search for all numbers ends that the score `expected` averages, for each clip."""

    missing: float = Field(gt=0, lt=1, description="probability that may stay unexplored")
    steps: Count = Field(description="maximum number of forward steps")
    branches: Count = Field(description="maximum number of prefixes")


# Commands such as `score` need these values without params.yaml.
EXPECTATION = ExpectationParams(missing=1e-3, steps=256, branches=65536)


class EvaluationParams(Section, key="evaluation"):
    """Prediction (docs/method.md, section 6). The greedy score is always computed."""

    batch_size: Count
    max_new_tokens: Count
    precision: Precision = Field(description="auto: bf16 on a GPU, fp32 on the CPU")
    score: ScoreKind = Field(description="score that tables show")
    extra_scores: list[ScoreKind] = Field(description="further scores to compute")
    sampling: SamplingParams
    expectation: ExpectationParams = EXPECTATION

    @property
    def kinds(self) -> tuple[ScoreKind, ...]:
        """All scores that are computed, greedy first."""
        wanted = {"greedy", self.score, *self.extra_scores}
        return tuple(kind for kind in get_args(ScoreKind) if kind in wanted)


class CompareParams(Section, key="preference"):
    """Which clips are compared with their perturbed copies."""

    videos: Count | None = Field(description="drawn from each benchmark; null: all")
    seed: NonNegativeInt = Field(description="for drawing videos and perturbations")


class PreferenceParams(CompareParams):
    """Temporal preference: how often a clip scores above its perturbed copies."""

    benchmarks: list[Name] = Field(description="test sets of the scale; empty: skip")


class IntervalsParams(Model):
    """Confidence intervals of metrics."""

    resamples: int = Field(ge=100, description="bootstrap resamples")
    seed: NonNegativeInt
    confidence: float = Field(ge=0.5, lt=1, description="nominal coverage")


class MetricsParams(Section, key="metrics"):
    """How metrics are computed."""

    allow_incomplete: bool = Field(description="compute metrics even if videos are missing")
    intervals: IntervalsParams


class TaskParams(Model):
    """A set of questions about videos."""

    kind: TaskKind = Field(description="source and file format of the questions")
    set: Name = Field(description="data set with the videos")
    file: str = Field(min_length=1, description="file of questions in data/<set>/source")


class UnderstandingParams(Section, key="understanding"):
    """Quality-understanding questions (docs/understanding.md)."""

    tasks: ByName[TaskParams]
    seed: NonNegativeInt = Field(description="for the order of options and the choice of questions")
    max_questions: Count | None = Field(description="per task; null: all")
    answer_by: AnswerBy = Field(
        description="generated: the generated answer | letters, texts: the most likely option"
    )


class JudgeParams(Model):
    """An LLM with an OpenAI-compatible API that scores open-ended answers."""

    url: str = Field(pattern=r"^https?://\S+$", description="up to and including /v1")
    model: str = Field(min_length=1)
    key_env: str | None = Field(description="environment variable with the API key; null: no key")
    rounds: Count = Field(description="number of times that each answer is judged")
    temperature: NotNegative
    max_tokens: Count = Field(description="maximum length of a verdict")
    timeout_s: Positive = Field(description="time limit of one request")
    attempts: Count = Field(description="attempts before a verdict counts as failed")
    first_wait_s: Positive = Field(description="before the second attempt; then doubles")
    longest_wait_s: Positive = Field(description="maximum wait, also if the server asks for more")


class ReportParams(Section, key="report"):
    """Tables, figures and the report page."""

    title: str = Field(min_length=1)
    method: Name = Field(description="run that the other runs are compared with in tables")
    resamples: int = Field(ge=100, description="for averages and for differences between runs")


class ThreadsParams(Section, key="threads"):
    """Threads of one job, by group of rules. Results depend neither on them nor on `resources`."""

    video: Count = Field(description="fetch, manifest, decode, perturb")
    base: Count
    train: Count
    predict: Count = Field(description="export, predict")


class JobResources(Model):
    """Resources of one job."""

    gpu: NonNegativeInt
    mem_mb: Count
    runtime: Count = Field(description="minutes")


class ResourcesParams(Section, key="resources"):
    """Resources of one job, by group of rules."""

    video: JobResources
    base: JobResources
    train: JobResources
    predict: JobResources
    report: JobResources
