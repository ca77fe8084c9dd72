"""Read the questions of FineVD and Q-Bench-Video.

FineVD has multiple-choice questions about distortions. Source: abcd2_*.jsonl of IntMeGroup/FineVQ
at 2dd8bc6. One line: {"video": "0_00.mp4", "conversations": [{"value": "Which …{A:[Noise],
B:[Color]}(…)"}, {"value": "B"}]}. In some of these files, the first name starts with a byte order
mark.

Q-Bench-Video has yes/no, what/how and open-ended questions about one or two videos. Source: the
fields that GPT_test.py of Q-Future/Q-Bench-Video at c9ca173 reads: `video_name`, `question`,
`answers` (a list of strings without letters), `question_type`, `context`; and `correct_choice`,
which only the development file has. The file itself was not available when this code was written,
so these assumptions are checked, and violations are errors that name their location:

1. `correct_choice` is the letter of an option ("A" or "A.") or its text. For an open-ended question
   it is the reference answer, unless `answers` has exactly one element.
2. A pair is `a.mp4_cat_b.mp4`; the first `.mp4` may be missing, and the last one may be doubled.
3. Quality concerns are published separately. They are read from a field `concern`, if there is one:
   technical, aesthetic, temporal or aigc.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from vqathinker.datasets.card import LabelError, LabelFile
from vqathinker.datasets.readers import Row, read_label_text

_OPTIONS = re.compile(r"([A-Z]):\s*\[([^\]]+)\]")
_BYTE_ORDER_MARK = "\ufeff"


class Question(NamedTuple):
    """One question of FineVD: location, video, text, options by letter, and the correct letter."""

    place: str
    video: str
    text: str
    options: dict[str, str]
    answer: str


def read_questions(path: Path) -> Iterator[Question]:
    """Yield the questions of a FineVD file.

    Raises:
        LabelError: the file cannot be read, or a line has another format.
    """
    for number, line in enumerate(read_label_text(path).split("\n"), 1):
        if line.strip():
            yield _parse_question(line, f"{path}, line {number}")


def _parse_question(line: str, place: str) -> Question:
    try:
        content: Any = json.loads(line)
        video = content["video"].removeprefix(_BYTE_ORDER_MARK)
        text, answer = (str(turn["value"]) for turn in content["conversations"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        expected = "JSON with `video`, and `conversations` of a question and an answer"
        raise LabelError(f"{place}: is {line[:60]!r}…, expected {expected}") from error
    found = _OPTIONS.findall(text)
    options = dict(found)
    if len(options) < 2 or len(options) != len(found):
        raise LabelError(f"{place}: options are {found}, expected at least two, all different")
    letter = answer.strip()
    if letter not in options:
        raise LabelError(f"{place}: answer is {answer!r}, expected one of {', '.join(options)}")
    return Question(place, video, text, options, letter)


QuestionType = Literal["yes/no", "what/how", "open-ended"]
QUALITY_ASPECTS = ("technical", "aesthetic", "temporal", "aigc")
_TYPES: dict[str, QuestionType] = {
    "yesno": "yes/no", "yesorno": "yes/no", "whathow": "what/how", "openended": "open-ended",
}  # fmt: skip
_PAIR, _ENDING = "_cat_", ".mp4"
_LETTERS = "ABCDEFGH"


class QBenchQuestion(NamedTuple):
    """One question of Q-Bench-Video about one or two videos.

    `right` is the text of the correct option, or the reference answer to an open-ended question;
    None if the answers are not public. `concern` is None if the file has no such field.
    """

    place: str
    videos: tuple[str, ...]
    text: str
    options: tuple[str, ...]
    right: str | None
    type: QuestionType
    concern: str | None


def read_q_bench(path: Path) -> Iterator[QBenchQuestion]:
    """Yield the questions of a Q-Bench-Video file.

    Raises:
        LabelError: the file cannot be read, or violates the assumptions of this module.
    """
    try:
        items: Any = json.loads(read_label_text(path))
    except json.JSONDecodeError as error:
        raise LabelError(f"{path}: is not JSON ({error})") from None
    if not isinstance(items, list):
        raise LabelError(f"{path}: expected a JSON list of questions")
    for number, item in enumerate(items, 1):
        place = f"{path}, question {number}"
        try:
            yield _parse_q_bench(item, place)
        except (KeyError, TypeError, AttributeError) as error:
            keys = "video_name, question, answers and question_type"
            raise LabelError(f"{place}: is {str(item)[:80]}…, expected {keys}") from error


def videos_of(name: str) -> tuple[str, ...]:
    """Split a `video_name` into its one or two videos.

    >>> videos_of("7.mp4"), videos_of("a_cat_b.mp4"), videos_of("a.mp4_cat_b.mp4.mp4")
    (('7.mp4',), ('a.mp4', 'b.mp4'), ('a.mp4', 'b.mp4'))
    """
    first, pair, second = name.partition(_PAIR)
    if not pair:
        return (name,)
    second = second.removesuffix(_ENDING).removesuffix(_ENDING)
    return (first.removesuffix(_ENDING) + _ENDING, second + _ENDING)


def _parse_q_bench(item: Mapping[str, Any], place: str) -> QBenchQuestion:
    name, text = str(item["video_name"]), str(item["question"]).strip()
    first_type = str(item["question_type"]).partition(",")[0].casefold()  # there may be several
    kind = _TYPES.get("".join(filter(str.isalpha, first_type)))
    if kind is None:
        given, expected = item["question_type"], "yes/no, what/how or open_ended"
        raise LabelError(f"{place}: question_type is {given!r}, expected {expected}")
    answers = item.get("answers") or []
    if not isinstance(answers, list):
        raise LabelError(f"{place}: answers is {answers!r}, expected a list of texts")
    options = tuple(str(answer).strip() for answer in answers)
    choice = str(item.get("correct_choice") or "").strip() or None
    concern = item.get("concern")
    if concern is not None:
        concern = str(concern).strip().casefold()
        if concern not in QUALITY_ASPECTS:
            expected = ", ".join(QUALITY_ASPECTS)
            raise LabelError(f"{place}: concern is {concern!r}, expected one of {expected}")
    if kind == "open-ended":
        reference = choice or (options[0] if len(options) == 1 else None)
        return QBenchQuestion(place, videos_of(name), text, (), reference, kind, concern)
    if len(set(options)) < 2 or len(set(options)) != len(options):
        raise LabelError(
            f"{place}: answers is {list(options)}, expected at least two, all different"
        )
    right = None if choice is None else _right_option(choice, options, place)
    return QBenchQuestion(place, videos_of(name), text, options, right, kind, concern)


def _right_option(choice: str, options: tuple[str, ...], place: str) -> str:
    letter = choice.removesuffix(".")
    if len(letter) == 1 and letter in _LETTERS[: len(options)]:
        return options[_LETTERS.index(letter)]
    if choice not in options:
        expected = f"a letter or one of {list(options)}"
        raise LabelError(f"{place}: correct_choice is {choice!r}, expected {expected}")
    return choice


def read_finevd_rows(path: Path, _label: LabelFile) -> Iterator[Row]:
    """Yield a row without MOS per question of FineVD."""
    for question in read_questions(path):
        yield Row(question.place, question.video, None)


def read_q_bench_rows(path: Path, label: LabelFile) -> Iterator[Row]:
    """Yield a row without MOS per video in the questions of the file and of `label.names`."""
    paths = [path, *([path.with_name(label.names)] if label.names else [])]
    places = {
        video: question.place
        for each in paths
        for question in read_q_bench(each)
        for video in question.videos
    }
    for video, place in places.items():
        yield Row(place, video, None)
