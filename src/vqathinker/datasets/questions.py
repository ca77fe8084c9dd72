"""Questions about distortions with a letter to choose, as FineVQ publishes them for FineVD.

Source: abcd2_*.jsonl of IntMeGroup/FineVQ at 2dd8bc6. One datum:
{"video": "0_00.mp4", "conversations": [{"value": "Which …{A:[Noise], B:[Color]}(…)"},
{"value": "B"}]}. The first name of some of these files begins with a byte order mark.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from vqathinker.datasets.card import LabelError
from vqathinker.datasets.label_text import read_label_text

__all__ = ["Question", "read_questions"]

_OPTIONS = re.compile(r"([A-Z]):\s*\[([^\]]+)\]")
_BYTE_ORDER_MARK = "\ufeff"


class Question(NamedTuple):
    """One question: its place in words, the video, the text, letter to option, the right letter."""

    place: str
    video: str
    text: str
    options: dict[str, str]
    answer: str


def read_questions(path: Path) -> Iterator[Question]:
    """Every question of a file of FineVD, in its order.

    Raises:
        LabelError: there is no such file, a line is no JSON, lacks video, question or answer, or
            its answer is no letter of its options.
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
        raise LabelError(
            f"{place}: is {line[:60]!r}…, expected JSON with video and conversations of a question "
            "and an answer"
        ) from error
    found = _OPTIONS.findall(text)
    options = dict(found)
    if len(options) < 2 or len(options) != len(found):
        raise LabelError(
            f"{place}: the question has the options {found}, expected two or more with different "
            "letters such as {A:[Noise], B:[Color]}"
        )
    letter = answer.strip()
    if letter not in options:
        raise LabelError(f"{place}: answer is {answer!r}, expected one of {', '.join(options)}")
    return Question(place, video, text, options, letter)
