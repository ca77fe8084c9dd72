"""Questions of a task, read from the file format of each data set.

A question has its words, its options, and separately the right answer. Only this module knows the
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
from vqathinker.policy.prompt import KINDS, WORDS, attribute_question, degradation_question
from vqathinker.products import DEGRADATIONS

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# How a set writes its options: each of them, and what stands between two.
FORMS = {
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
        number: its place in its file, from 0: what answers are joined by.
        videos: id of the video, or of the two that are compared.
        kind: `choice` has options, `rating` asks for a number, `open` for words.
        before, after: what is asked, around the options; without options all stands in `before`.
        options: as published, two or more of a choice.
        right: the right option, or the words of a good answer; None for a rating.
        mos: what observers say, of a rating.
        parts: groups that have accuracies of their own, such as {"dimension": "blur"}.
    """

    number: int
    videos: tuple[str, ...]
    kind: QuestionKind
    before: str
    after: str = ""
    form: Literal["words", "braces", "lines"] = "lines"
    options: tuple[str, ...] = ()
    right: str | None = None
    mos: float | None = None
    parts: tuple[tuple[str, str], ...] = ()

    def text(self, options: Sequence[str]) -> str:
        """The words of the question with its options in this order.

        >>> Question(0, ("a.mp4",), "choice", "Which? ", ".", "words").text(["blur", "noise"])
        'Which? A: blur, B: noise.'
        """
        one, between = FORMS[self.form]
        shown = [one.format(letter=a, text=b) for a, b in zip(LETTERS, options, strict=False)]
        return self.before + between.join(shown) + self.after


def order_of(question: Question, seed: int) -> tuple[str, ...]:
    """The options of a question in an order that seed and place decide, and nothing else.

    Right options stand at each place about as often, so that a policy that always says A has the
    accuracy of chance.
    """
    rng = np.random.default_rng([seed, question.number])
    return tuple(question.options[place] for place in rng.permutation(len(question.options)))


def sample(questions: Sequence[Question], most: int | None, seed: int) -> list[Question]:
    """`most` of the questions, drawn by the seed, in their order; all of them for None."""
    if most is None or most >= len(questions):
        return list(questions)
    places = np.random.default_rng(seed).permutation(len(questions))[:most]
    return [questions[place] for place in sorted(places)]


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


def _read_maxwell(path: Path) -> Iterator[Question]:
    """A rating of each of MaxWell's attributes, of every video; maxwell.yaml names them."""
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
    """Q-Bench-Video's questions with options and open-ended ones, by type and concern."""
    for number, asked in enumerate(read_q_bench(path)):
        if asked.right is None:
            raise InputError(
                f"{asked.place}: has no right answer; give the file for development, those of the "
                "other one are withheld"
            )
        concern = (("concern", asked.concern),) if asked.concern else ()
        yield Question(
            number, asked.videos, "choice" if asked.options else "open",
            asked.text + ("\n" if asked.options else ""), options=asked.options,
            right=asked.right, parts=(("type", asked.type), *concern),
        )  # fmt: skip


def _read_description(path: Path) -> Iterator[Question]:
    """One's own: a JSON object a line with video, question, and answer, a good description."""
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
