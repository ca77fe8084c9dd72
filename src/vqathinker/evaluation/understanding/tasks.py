"""The questions of each task, from its set's own file; the only place that knows their forms."""

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from vqathinker.datasets.questions import read_questions
from vqathinker.errors import InputError, reading
from vqathinker.evaluation.understanding.question import Question
from vqathinker.params import TaskKind
from vqathinker.policy.demo_speech import KINDS, WORDS
from vqathinker.policy.prompt import degradation_question
from vqathinker.products import DEGRADATIONS

__all__ = ["read_task"]

_BRACES = re.compile(r"\{[^{}]*\}")


def read_task(kind: TaskKind, path: Path) -> list[Question]:
    """Every question of a task in the order of its file, with what the right answers are.

    Raises:
        InputError: the file is not there, is not of the form of its set, or has no question.
    """
    questions = list(_READERS[kind](path))
    if not questions:
        raise InputError(f"{path}: no question in it; bring the set again")
    return questions


def _read_made(path: Path) -> Iterator[Question]:
    """The demo's own: which kind of degradation a clip was made with; its words are the policy's.

    A clip of a kind that there is no word for has no right option, so it is not asked about.
    """
    before, after = degradation_question("\0").split("\0")
    with reading(path, *DEGRADATIONS), path.open(encoding="utf-8", newline="") as file:
        rows = [(row["video"], row["kind"]) for row in csv.DictReader(file)]
    for number, (video, kind) in enumerate(rows):
        if word := KINDS.get(kind):
            yield Question(
                number, (video,), "choice", before, after, "words", WORDS, word,
                parts=(("dimension", word),),
            )  # fmt: skip


def _read_finevd(path: Path) -> Iterator[Question]:
    """FineVD's question on the dimension with the greatest impact; its options stand in braces."""
    for number, asked in enumerate(read_questions(path)):
        braces = _BRACES.search(asked.text)
        if braces is None:
            raise InputError(f"{asked.place}: expected options in braces, {{A:[Noise], B:[Color]}}")
        right = asked.options[asked.answer]
        yield Question(
            number, (asked.video,), "choice", asked.text[: braces.start()] + "{",
            "}" + asked.text[braces.end() :], "braces", tuple(asked.options.values()), right,
            parts=(("dimension", right),),
        )  # fmt: skip


_READERS: dict[TaskKind, Callable[[Path], Iterator[Question]]] = {
    "made": _read_made,
    "finevd": _read_finevd,
}
