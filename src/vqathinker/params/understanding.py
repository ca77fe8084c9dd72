"""Sections `understanding` and `judge`: questions beside the score, and who judges free answers."""

from typing import ClassVar, Literal

from pydantic import Field

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
    "JudgeParams",
    "OptionReading",
    "QuestionKind",
    "TaskKind",
    "TaskParams",
    "UnderstandingParams",
]

QuestionKind = Literal["choice", "rating", "open"]
TaskKind = Literal["made", "finevd", "maxwell", "q_bench_video", "description"]
OptionReading = Literal["generated", "letters", "texts"]


class TaskParams(Model):
    """A set of questions."""

    kind: TaskKind = Field(description="whose questions they are, and what their file looks like")
    set: Name = Field(description="data set with the videos")
    file: str = Field(min_length=1, description="of the questions, below data/<set>/source")


class UnderstandingParams(Section):
    """What policies are asked beside the score (docs/understanding.md)."""

    KEY: ClassVar[str] = "understanding"

    tasks: Named[TaskParams]
    seed: Whole = Field(description="of the order of options, and of the questions that are taken")
    max_questions: Count | None = Field(description="of a task, drawn by the seed; null: all")
    reading: OptionReading = Field(
        description="generated: what the policy says | letters, texts: the likeliest option"
    )


class JudgeParams(Model):
    """A model behind an OpenAI-compatible address that scores answers in words."""

    url: str = Field(pattern=r"^https?://\S+$", description="up to and with /v1")
    model: str = Field(min_length=1)
    key_env: str | None = Field(description="environment variable with the key; null: none needed")
    rounds: Count = Field(description="times that each answer is judged")
    temperature: NotNegative
    max_tokens: Count = Field(description="longest answer of the judge")
    timeout_s: Positive = Field(description="for an answer of the judge to come")
    attempts: Count = Field(description="tries of one question before it counts as failed")
    first_wait_s: Positive = Field(description="before the second try; doubled before each other")
    longest_wait_s: Positive = Field(description="where the doubling ends; Retry-After too")
