"""A question on a video: its words, its options, and apart from these what the right answer is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from vqathinker.params import QuestionKind

__all__ = ["LETTERS", "OptionForm", "Question", "order_of", "sample"]

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class OptionForm(NamedTuple):
    """How a set writes options: one of them, and what stands between two."""

    one: str
    between: str


FORMS: dict[Literal["words", "braces", "lines"], OptionForm] = {
    "words": OptionForm("{letter}: {text}", ", "),
    "braces": OptionForm("{letter}:[{text}]", ", "),
    "lines": OptionForm("{letter}. {text}", "\n"),
}


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
        parts: what accuracy is told by, such as {"dimension": "blur"}.
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
        form = FORMS[self.form]
        shown = [
            form.one.format(letter=letter, text=option)
            for letter, option in zip(LETTERS, options, strict=False)
        ]
        return self.before + form.between.join(shown) + self.after


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
