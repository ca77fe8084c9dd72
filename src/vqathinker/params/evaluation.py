"""Sections of evaluation, understanding and report, and the resources of jobs."""

from typing import Literal, get_args

from pydantic import Field

from vqathinker.choices import Precision, ScoreKind
from vqathinker.params.model import Count, Model, Name, Named, NotNegative, Positive, Section, Whole

QuestionKind = Literal["choice", "rating", "open"]
TaskKind = Literal["made", "finevd", "maxwell", "q_bench_video", "description"]
OptionReading = Literal["generated", "letters", "texts"]


class SamplingParams(Model):
    """How the answers are drawn whose mean is the score `mean`."""

    answers: int = Field(ge=2, description="of one clip, which share one prefill")
    temperature: Positive
    seed: Whole


class ExpectationParams(Model):
    """When the search for the numbers of the score `expected` ends, for each clip."""

    missing: float = Field(gt=0, lt=1, description="probability that may remain unexplored")
    steps: Count = Field(description="forward steps at most")
    branches: Count = Field(description="prefixes of numbers tried at most")


# Also for `score` and other commands that work without params.yaml.
EXPECTATION = ExpectationParams(missing=1e-3, steps=256, branches=65536)


class EvaluationParams(Section, key="evaluation"):
    """Prediction (docs/method.md, section 6); the greedy score is always computed."""

    batch_size: Count
    max_new_tokens: Count
    precision: Precision = Field(description="auto: bf16 on a GPU, fp32 on the CPU")
    score: ScoreKind = Field(description="which one the tables show as the score")
    beside: list[ScoreKind] = Field(description="additional scores")
    sampling: SamplingParams
    expectation: ExpectationParams = EXPECTATION

    @property
    def kinds(self) -> tuple[ScoreKind, ...]:
        """Every score that is computed, greedy first."""
        wanted = {"greedy", self.score, *self.beside}
        return tuple(kind for kind in get_args(ScoreKind) if kind in wanted)


class CompareParams(Section, key="preference"):
    """Which clips are compared with perturbed copies of themselves."""

    videos: Count | None = Field(description="drawn from each benchmark; null: all of them")
    seed: Whole = Field(description="of the videos and of their perturbations")


class PreferenceParams(CompareParams):
    """Temporal preference: how often a clip scores above its perturbed copies."""

    benchmarks: list[Name] = Field(description="test sets of the scale; may be empty")


class IntervalsParams(Model):
    """Confidence intervals of measures."""

    resamples: int = Field(ge=100, description="of the videos, or contents, of a benchmark")
    seed: Whole
    confidence: float = Field(ge=0.5, lt=1, description="nominal coverage")


class MetricsParams(Section, key="metrics"):
    """How metrics are computed."""

    allow_incomplete: bool = Field(description="also score benchmarks that lack videos")
    intervals: IntervalsParams


class TaskParams(Model):
    """A set of questions."""

    kind: TaskKind = Field(description="source of the questions, and format of their file")
    set: Name = Field(description="data set with the videos")
    file: str = Field(min_length=1, description="of the questions, below data/<set>/source")


class UnderstandingParams(Section, key="understanding"):
    """Questions in addition to the score (docs/understanding.md)."""

    tasks: Named[TaskParams]
    seed: Whole = Field(description="of the order of options, and of the selected questions")
    max_questions: Count | None = Field(description="of a task, drawn by the seed; null: all")
    reading: OptionReading = Field(
        description="generated: the policy's text | letters, texts: the most likely option"
    )


class JudgeParams(Model):
    """A model behind an OpenAI-compatible address that scores open answers."""

    url: str = Field(pattern=r"^https?://\S+$", description="up to and with /v1")
    model: str = Field(min_length=1)
    key_env: str | None = Field(description="environment variable with the key; null: none needed")
    rounds: Count = Field(description="times that each answer is judged")
    temperature: NotNegative
    max_tokens: Count = Field(description="longest answer of the judge")
    timeout_s: Positive = Field(description="seconds for one answer of the judge")
    attempts: Count = Field(description="tries of one question before it counts as failed")
    first_wait_s: Positive = Field(description="before the second try; doubles with each other")
    longest_wait_s: Positive = Field(description="upper bound of the waits, also of Retry-After")


class ReportParams(Section, key="report"):
    """Tables, figures and the report page."""

    title: str = Field(min_length=1)
    method: Name = Field(description="run that tables compare the others with")
    resamples: int = Field(ge=100, description="of averages, and of differences between runs")


class ThreadsParams(Section, key="threads"):
    """Threads of one job; no result may depend on them, nor on `resources`."""

    video: Count = Field(description="fetch, manifest, decode, perturb")
    base: Count
    train: Count
    predict: Count = Field(description="export, predict")
    report: Count = Field(description="metrics, tables, figures, page")


class JobResources(Model):
    """Resources of one job."""

    gpu: Whole
    mem_mb: Count
    runtime: Count = Field(description="minutes")


class ResourcesParams(Section, key="resources"):
    """Resources of jobs, by the same groups of rules as `threads`."""

    video: JobResources
    base: JobResources
    train: JobResources
    predict: JobResources
    report: JobResources
