"""The questions of each task, from its set's own file; the only place that knows their forms."""

import csv
import json
import re
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path

from vqathinker.datasets.card import load_card
from vqathinker.datasets.label_text import read_label_text
from vqathinker.datasets.labels import read_label_file
from vqathinker.datasets.q_bench_video import read_q_bench
from vqathinker.datasets.questions import read_questions
from vqathinker.errors import InputError, reading
from vqathinker.evaluation.understanding.question import Question
from vqathinker.params import TaskKind
from vqathinker.phases.yaml12 import parse_yaml
from vqathinker.policy.demo_words import KINDS, WORDS
from vqathinker.policy.prompt import attribute_question, degradation_question
from vqathinker.products import DEGRADATIONS

__all__ = ["read_task"]

_DESCRIPTION = 'write it as {"video": "a.mp4", "question": "…", "answer": "…"}'
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


def _read_maxwell(path: Path) -> Iterator[Question]:
    """A rating of each of MaxWell's attributes, of every video; the file beside names these."""
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
    """Q-Bench-Video's questions with options and open-ended ones, told by type and concern."""
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
            told = [item[key].strip() for key in ("video", "question", "answer")]
        video, text, answer = told
        yield Question(number, (video,), "open", text, right=answer)


_READERS: dict[TaskKind, Callable[[Path], Iterator[Question]]] = {
    "made": _read_made,
    "finevd": _read_finevd,
    "maxwell": _read_maxwell,
    "q_bench_video": _read_q_bench_video,
    "description": _read_description,
}
