"""Questions of a task, read from the file format of each data set.

A question has its text, its options, and separately the correct answer. Only this module knows the
file formats.
"""

import csv
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

import numpy as np

from vqathinker.datasets.card import load_card
from vqathinker.datasets.labels import read_label_file
from vqathinker.datasets.questions import read_q_bench, read_questions
from vqathinker.datasets.readers import read_label_text
from vqathinker.errors import InputError, reading
from vqathinker.params import QuestionKind, TaskKind
from vqathinker.phases.yaml12 import parse_yaml
from vqathinker.policy.prompt import (
    DEGRADATION_NAMES,
    DEGRADATION_WORDS,
    attribute_question,
    degradation_question,
)
from vqathinker.products import DEGRADATIONS

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# How a set writes its options: format of one option, and separator.
OPTION_FORMATS = {
    "words": ("{letter}: {text}", ", "),
    "braces": ("{letter}:[{text}]", ", "),
    "lines": ("{letter}. {text}", "\n"),
}
_DESCRIPTION = 'write it as {"video": "a.mp4", "question": "…", "answer": "…"}'
_BRACES = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes:
        number: its index in its file, from 0; answers refer to it.
        videos: id of the video, or of the two videos that are compared.
        kind: `choice` has options, `rating` asks for a number, `open` for text.
        before, after: the text around the options; without options, all of it is in `before`.
        options: as published; two or more for a choice.
        right: the correct option, or the reference for an open answer; None for a rating.
        mos: the mean opinion score of a rating.
        parts: groups with their own accuracy, such as {"dimension": "blur"}.
    """

    number: int
    videos: tuple[str, ...]
    kind: QuestionKind
    before: str
    after: str = ""
    option_format: Literal["words", "braces", "lines"] = "lines"
    options: tuple[str, ...] = ()
    right: str | None = None
    mos: float | None = None
    parts: tuple[tuple[str, str], ...] = ()

    def text(self, options: Sequence[str]) -> str:
        """The text of the question with its options in this order.

        >>> Question(0, ("a.mp4",), "choice", "Which? ", ".", "words").text(["blur", "noise"])
        'Which? A: blur, B: noise.'
        """
        template, separator = OPTION_FORMATS[self.option_format]
        texts = [template.format(letter=a, text=b) for a, b in zip(LETTERS, options, strict=False)]
        return self.before + separator.join(texts) + self.after


def shuffled_options(question: Question, seed: int) -> tuple[str, ...]:
    """The options in an order that depends only on the seed and the question's number.

    Correct options are at each position about equally often, so a policy that always answers A has
    the accuracy of chance.
    """
    rng = np.random.default_rng([seed, question.number])
    return tuple(question.options[place] for place in rng.permutation(len(question.options)))


def sample(questions: Sequence[Question], number: int | None, seed: int) -> list[Question]:
    """A random sample of `number` questions in their order; all of them if None."""
    if number is None or number >= len(questions):
        return list(questions)
    places = np.random.default_rng(seed).permutation(len(questions))[:number]
    return [questions[place] for place in sorted(places)]


def read_task(kind: TaskKind, path: Path) -> list[Question]:
    """Every question of a task, in the order of its file, with its correct answer.

    Raises:
        InputError: the file is missing, has another format, or has no questions.
    """
    questions = list(_READERS[kind](path))
    if not questions:
        raise InputError(
            f"{path}: has no questions; fetch the set again with `vqathinker data fetch`"
        )
    return questions


def _read_made(path: Path) -> Iterator[Question]:
    """The demo's question: the strongest degradation of a clip, worded as for its policy.

    Clips whose strongest degradation has no word are left out, because they have no correct option.
    """
    before, after = degradation_question("\0").split("\0")
    with reading(path, *DEGRADATIONS), path.open(encoding="utf-8", newline="") as file:
        strongest: dict[str, tuple[float, str]] = {}
        for row in csv.DictReader(file):
            found = float(row["strength"]), row["kind"]
            strongest[row["video"]] = max(found, strongest.get(row["video"], found))
    for number, (video, (_, kind)) in enumerate(strongest.items()):
        if word := DEGRADATION_WORDS.get(kind):
            yield Question(
                number, (video,), "choice", before, after, "words", DEGRADATION_NAMES, word,
                parts=(("dimension", word),),
            )  # fmt: skip


def _read_finevd(path: Path) -> Iterator[Question]:
    """FineVD's question on the dimension with the greatest impact; its options are in braces."""
    for number, item in enumerate(read_questions(path)):
        braces = _BRACES.search(item.text)
        if braces is None:
            raise InputError(f"{item.place}: expected options in braces: {{A:[Noise], B:[Color]}}")
        right = item.options[item.answer]
        yield Question(
            number, (item.video,), "choice", item.text[: braces.start()] + "{",
            "}" + item.text[braces.end() :], "braces", tuple(item.options.values()), right,
            parts=(("dimension", right),),
        )  # fmt: skip


def _read_maxwell(path: Path) -> Iterator[Question]:
    """A rating of each of MaxWell's attributes for every video; maxwell.yaml names them."""
    label = load_card("maxwell").label
    attributes = parse_yaml(
        files("vqathinker.evaluation.understanding").joinpath("maxwell.yaml").read_text("utf-8")
    )
    number = 0
    for column, attribute in attributes.items():
        text = attribute_question(attribute["name"], attribute["low"], attribute["high"])
        columns = label.columns.model_copy(update={"mos": column})
        scale = (-1.0, 1.0) if attribute["signed"] else label.scale
        read = label.model_copy(update={"columns": columns, "scale": scale})
        for video, mos in read_label_file(path, read).itertuples(index=False, name=None):
            parts = (("dimension", f"{column} {attribute['name']}"),)
            yield Question(number, (video,), "rating", text, mos=mos, parts=parts)
            number += 1


def _read_q_bench_video(path: Path) -> Iterator[Question]:
    """Q-Bench-Video's questions, with options or open-ended, by type and concern."""
    for number, item in enumerate(read_q_bench(path)):
        if item.right is None:
            raise InputError(
                f"{item.place}: has no correct answer; use the development file: answers of "
                "the test file are not published"
            )
        concern = (("concern", item.concern),) if item.concern else ()
        yield Question(
            number, item.videos, "choice" if item.options else "open",
            item.text + ("\n" if item.options else ""), options=item.options,
            right=item.right, parts=(("type", item.type), *concern),
        )  # fmt: skip


def _read_description(path: Path) -> Iterator[Question]:
    """Your own questions: one JSON object per line with video, question and answer."""
    for number, line in enumerate(read_label_text(path).splitlines()):
        if not line.strip():
            continue
        with reading(path, f"a JSON object in line {number + 1}", _DESCRIPTION):
            item = json.loads(line)
            video, text, answer = (item[key].strip() for key in ("video", "question", "answer"))
        yield Question(number, (video,), "open", text, right=answer)


_READERS: dict[TaskKind, Callable[[Path], Iterator[Question]]] = {
    "made": _read_made,
    "finevd": _read_finevd,
    "maxwell": _read_maxwell,
    "q_bench_video": _read_q_bench_video,
    "description": _read_description,
}
