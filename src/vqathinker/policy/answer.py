"""Parse a completion: its score, or the kind of failure, and whether it has the format.

Source: docs/method.md, section 3; authors' `grpo_jsonl.py` and `batch_infer.py` at ee47a40.

Departures from the released code:
1. An answer that is not one number is a failure with a name, where the authors take the first
   number in it, or in the whole text. `answer.parsing: authors` is theirs.
2. A number out of `answer.range` is a failure too: one score of 333 would outweigh all others. With
   `answer.range: null` any number counts, as theirs.
3. A failure has no score, where the authors draw a random number (training) or say 3.00
   (evaluation). Theirs is not offered.
4. Training and evaluation parse alike, from the last `<answer>`. The authors' evaluation script
   takes the first one, and only if it is a number alone.

The second half parses an answer piece by piece, for `policy.expectation`: `extend` gives the score
that `read_answer` gives for the whole text. `</` counts as the closing tag, so a tag in several
tokens costs no extra steps.
"""

import re
import sys
from functools import lru_cache
from typing import Literal, NamedTuple, get_args

from vqathinker.choices import AnswerParsing
from vqathinker.params import AnswerParams

AnswerStatus = Literal["ok", "no_answer", "not_a_number", "out_of_range", "truncated"]
STATUSES: tuple[AnswerStatus, ...] = get_args(AnswerStatus)
FAILURES = STATUSES[1:]

ANSWER_END = "</answer>"
NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
AUTHORS_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_OPEN, _THINK, _THOUGHT = "<answer>", "<think>", "</think>"
_THOUGHT_THEN_ANSWER = re.compile(r"</think>\s*<answer>")
_COARSE_DECIMALS = 2


class Completion(NamedTuple):
    """Text of a completion, whether it ended by itself (not by the limit), and its tokens."""

    text: str
    finished: bool = True
    tokens: int = 0


class Answer(NamedTuple):
    """A parsed completion: `score` is None exactly when `status` is not "ok".

    `no_answer`: no `<answer>…</answer>` after the thought. `truncated`: the same, and the
    completion reached its maximum length. `not_a_number`: the answer is not one number.
    `out_of_range`: the number is outside of `answer.range`.

    `coarse`: the number has fewer than two significant decimals, without trailing zeros ("3.50" is
    coarse, "3.05" is not); a failure is not coarse.
    """

    score: float | None
    status: AnswerStatus
    coarse: bool


def read_answer(completion: Completion, how: AnswerParams) -> Answer:
    """Read the score of a completion.

    Args:
        how: `strict` takes an answer that is one number, ignoring blanks around it and answers
            inside of the thought. `authors` takes the first `-?\\d+(\\.\\d+)?` of the last answer,
            or of the whole text if no answer is complete.

    >>> how = AnswerParams(parsing="strict", range=[0, 5])
    >>> read_answer(Completion("<think>sharp</think><answer>3.42</answer>"), how)
    Answer(score=3.42, status='ok', coarse=False)
    >>> read_answer(Completion("<think>sharp</think><answer>4/5</answer>"), how).status
    'not_a_number'
    """
    text, strict = completion.text, how.parsing == "strict"
    start, end = _last_answer(text, _thought_end(text) if strict else 0)
    there = end >= 0
    if strict:
        found = NUMBER.fullmatch(text[start:end].strip()) if there else None
    else:
        found = AUTHORS_NUMBER.search(text, start, end if there else len(text))
    if found is not None:
        return _judge(found.group(), how.limits)
    unread: AnswerStatus = "no_answer" if completion.finished else "truncated"
    return Answer(None, "not_a_number" if there else unread, False)


def answer_begins(text: str, reading: AnswerParsing) -> int | None:
    """Index after the last `<answer>` of a completion, closed or not; None: it has no answer.

    `strict` looks after the thought, `authors` everywhere, as `read_answer` does.
    """
    position = _thought_end(text) if reading == "strict" else 0
    start, end = _last_answer(text, position)
    unclosed = text.find(_OPEN, max(position, end))
    if unclosed >= 0:
        return unclosed + len(_OPEN)
    return start if end >= 0 else None


def has_format(completion: str, *, thinking: bool = True) -> bool:
    """Whether the whole completion is `<think>.*?</think>\\s*<answer>.*?</answer>`.

    Without `thinking` it is one `<answer>.*?</answer>` without tags of a thought.

    A dot matches line breaks and other tags, too. No blank may come before the first or after the
    last tag.

    >>> has_format("<think>sharp</think> <answer>good</answer>")
    True
    >>> has_format("<think>sharp</think> so <answer>3.42</answer>")
    False
    >>> has_format("<answer>3.42</answer>", thinking=False)
    True
    """
    if not thinking:
        tags = [completion.count(tag) for tag in (_OPEN, ANSWER_END, _THINK, _THOUGHT)]
        ends = completion.startswith(_OPEN) and completion.endswith(ANSWER_END)
        return ends and tags == [1, 1, 0, 0]
    if not (completion.startswith(_THINK) and completion.endswith(ANSWER_END)):
        return False
    inner_end = len(completion) - len(ANSWER_END)
    return _THOUGHT_THEN_ANSWER.search(completion, len(_THINK), inner_end) is not None


@lru_cache(maxsize=4096)  # scores of two decimals repeat all the time
def _judge(number: str, limits: tuple[float, float] | None) -> Answer:
    score = float(number)
    low, high = limits or (-sys.float_info.max, sys.float_info.max)
    if not low <= score <= high:
        return Answer(None, "out_of_range", False)
    # The authors judge the printed float, not the text: "2.920" is as fine as "2.92".
    decimals = str(score).partition(".")[2].rstrip("0")
    return Answer(score, "ok", len(decimals) < _COARSE_DECIMALS)


def _thought_end(completion: str) -> int:
    """Index from which an answer may begin: after the thought; the end if the thought is open."""
    end = completion.find(_THOUGHT)
    if end >= 0:
        return end + len(_THOUGHT)
    return len(completion) if _THINK in completion else 0


def _last_answer(completion: str, position: int) -> tuple[int, int]:
    """Start and end of the text of the last complete answer; (0, -1) if there is none.

    Answers do not nest: the first `</answer>` after an `<answer>` closes it.
    """
    last = (0, -1)
    while (opening := completion.find(_OPEN, position)) >= 0:
        start = opening + len(_OPEN)
        end = completion.find(ANSWER_END, start)
        if end < 0:
            break
        last = (start, end)
        position = end + len(ANSWER_END)
    return last


_CLOSING = "</"
_BEGINNING = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?)?")


class Prefix(NamedTuple):
    """The beginning of an answer that may still become a score.

    `tail` is the relevant text after the number: a blank, the first character of a tag, or both.
    """

    number: str = ""
    tail: str = ""


@lru_cache(maxsize=1 << 16)  # the same prefixes come up in every clip
def value_of(prefix: Prefix) -> float | None:
    """The number so far; None before its first digit, and after a blank, where words may follow."""
    digits = prefix.number.rstrip(".")
    if prefix.tail[:1].isspace() or digits in {"", "-"}:
        return None
    return float(digits)


@lru_cache(maxsize=1 << 16)
def extend(prefix: Prefix, piece: str, reading: AnswerParsing) -> Prefix | float | None:
    """The prefix extended by a piece of text.

    Args:
        prefix: the text after `<answer>`.
        piece: the text of the next token.
        reading: as `answer.parsing` has it.

    Returns:
        The score, once no continuation can change it; None once there can be none.

    >>> extend(Prefix("3"), ".4", "strict")
    Prefix(number='3.4', tail='')
    >>> extend(Prefix("3.4"), "</answer>", "strict")
    3.4
    >>> extend(Prefix("3", " "), "out", "strict")
    >>> extend(Prefix("3"), " out", "authors")
    3.0
    """
    text = prefix.number + prefix.tail + piece
    return _strict(text) if reading == "strict" else _authors(text)


def _strict(text: str) -> Prefix | float | None:
    before, mark, rest = text.partition("<")
    number, tag = before.strip(), mark + rest
    blank = before.lstrip()[len(number) :][:1]  # one stands for all of them
    if not (blank or tag):
        return Prefix(number) if _BEGINNING.fullmatch(number) else None
    if not NUMBER.fullmatch(number) or not tags_agree(tag, ANSWER_END):
        return None
    return float(number) if tag.startswith(_CLOSING) else Prefix(number, blank + tag)


def _authors(text: str) -> Prefix | float | None:
    answer, closed, _ = text.partition(_CLOSING)
    found = AUTHORS_NUMBER.search(answer)
    if found is None:
        sign, tag = ("-" if answer.endswith("-") else ""), ("<" if answer.endswith("<") else "")
        return None if closed else Prefix(sign, tag)
    after = answer[found.end() :]
    if closed or after not in {"", "."}:
        return float(found.group())
    return Prefix(found.group() + after)


def tags_agree(text: str, tag: str) -> bool:
    """Whether the text is the beginning of a tag, or begins with it."""
    return text.startswith(tag) or tag.startswith(text)
