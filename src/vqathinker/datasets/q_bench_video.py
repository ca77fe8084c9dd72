"""Questions of Q-Bench-Video: yes or no, what or how, and open-ended, on one video or on two.

Source: the fields that GPT_test.py of Q-Future/Q-Bench-Video at c9ca173 reads: `video_name`,
`question`, `answers` (a list of texts without letters), `question_type`, `context`; and
`correct_choice`, which only the file for development has. The file itself was not seen when this
was written. So what is assumed is checked, and anything else is an error with its place:

1. `correct_choice` is a letter of the options ("A" or "A."), or the text of one. Of an open-ended
   question it is the reference, or else `answers` holds nothing but that.
2. A pair is `a.mp4_cat_b.mp4`, with or without the first and with one more last `.mp4`.
3. Quality concerns are published apart. They are taken from a field `concern`, where there is one:
   technical, aesthetic, temporal or aigc.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from vqathinker.datasets.card import LabelError
from vqathinker.datasets.label_text import read_label_text

__all__ = ["CONCERNS", "QBenchQuestion", "read_q_bench", "videos_of"]

QuestionType = Literal["yes/no", "what/how", "open-ended"]
CONCERNS = ("technical", "aesthetic", "temporal", "aigc")
_TYPES: dict[str, QuestionType] = {
    "yesno": "yes/no", "yesorno": "yes/no", "whathow": "what/how", "openended": "open-ended",
}  # fmt: skip
_PAIR, _ENDING = "_cat_", ".mp4"
_LETTERS = "ABCDEFGH"


class QBenchQuestion(NamedTuple):
    """One question: its place in words, one video or two, the text, options, and the right answer.

    `right` is the right option's text or the reference of an open-ended question; None where
    answers are withheld. `concern` is None where the file does not tell.
    """

    place: str
    videos: tuple[str, ...]
    text: str
    options: tuple[str, ...]
    right: str | None
    type: QuestionType
    concern: str | None


def read_q_bench(path: Path) -> Iterator[QBenchQuestion]:
    """Every question of a file of Q-Bench-Video, in its order.

    Raises:
        LabelError: there is no such file, or it is not as it is assumed above to be.
    """
    try:
        items: Any = json.loads(read_label_text(path))
    except ValueError as error:
        raise LabelError(f"{path}: is no JSON, expected a list of questions") from error
    if not isinstance(items, list):
        raise LabelError(f"{path}: is no list of questions")
    for number, item in enumerate(items, 1):
        place = f"{path}, question {number}"
        try:
            yield _parse(item, place)
        except (KeyError, TypeError, AttributeError) as error:
            raise LabelError(
                f"{place}: is {str(item)[:80]}…, expected video_name, question, answers and "
                "question_type"
            ) from error


def videos_of(name: str) -> tuple[str, ...]:
    """The one video, or the two, of a `video_name`.

    >>> videos_of("7.mp4"), videos_of("a_cat_b.mp4"), videos_of("a.mp4_cat_b.mp4.mp4")
    (('7.mp4',), ('a.mp4', 'b.mp4'), ('a.mp4', 'b.mp4'))
    """
    first, pair, second = name.partition(_PAIR)
    if not pair:
        return (name,)
    second = second.removesuffix(_ENDING).removesuffix(_ENDING)
    return (first.removesuffix(_ENDING) + _ENDING, second + _ENDING)


def _parse(item: Mapping[str, Any], place: str) -> QBenchQuestion:
    name, text = str(item["video_name"]), str(item["question"]).strip()
    kind = _type(str(item["question_type"]), place)
    answers = item.get("answers") or []
    if not isinstance(answers, list):
        raise LabelError(f"{place}: answers is {answers!r}, expected a list of texts")
    options = tuple(str(answer).strip() for answer in answers)
    choice = str(item.get("correct_choice") or "").strip() or None
    concern = _concern(item.get("concern"), place)
    if kind == "open-ended":
        reference = choice or (options[0] if len(options) == 1 else None)
        return QBenchQuestion(place, videos_of(name), text, (), reference, kind, concern)
    if len(set(options)) < 2 or len(set(options)) != len(options):
        raise LabelError(f"{place}: answers is {list(options)}, expected two or more that differ")
    right = None if choice is None else _right(choice, options, place)
    return QBenchQuestion(place, videos_of(name), text, options, right, kind, concern)


def _type(written: str, place: str) -> QuestionType:
    letters = "".join(filter(str.isalpha, written.partition(",")[0].casefold()))
    if letters not in _TYPES:
        expected = "yes/no, what/how or open_ended"
        raise LabelError(f"{place}: question_type is {written!r}, expected {expected}")
    return _TYPES[letters]


def _right(choice: str, options: tuple[str, ...], place: str) -> str:
    letter = choice.removesuffix(".")
    if letter in _LETTERS[: len(options)] and len(letter) == 1:
        return options[_LETTERS.index(letter)]
    if choice not in options:
        raise LabelError(
            f"{place}: correct_choice is {choice!r}, expected a letter or one of {list(options)}"
        )
    return choice


def _concern(written: Any, place: str) -> str | None:
    if written is None:
        return None
    concern = str(written).strip().casefold()
    if concern not in CONCERNS:
        raise LabelError(f"{place}: concern is {written!r}, expected one of {', '.join(CONCERNS)}")
    return concern
