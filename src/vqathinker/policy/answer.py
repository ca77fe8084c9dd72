"""Parse a completion: its score or the kind of failure, and whether it has the format.

Source: docs/method.md, section 3; authors' `grpo_jsonl.py` and `batch_infer.py` at ee47a40.

Departures from the released code:
1. An answer that is not one number is a failure with a name. The authors take the first number in
   it, or in the whole text. Restore: `answer.parsing: authors`.
2. A number outside of `answer.range` is a failure, too: one score of 333 would outweigh all others.
   Restore: `answer.range: null`.
3. A failure has no score. The authors draw a random number (training) or take 3.00 (evaluation).
   Not available.
4. Training and evaluation parse alike, from the last `<answer>`. The authors' evaluation takes the
   first one, and only if it is a number alone.

The second half parses an answer token by token, for `policy.expectation`: `extend_prefix` ends with
the score that `parse_answer` finds in the whole text. `</` counts as the closing tag, so a tag of
several tokens takes no extra steps.
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
_ANSWER, _THINK, _THINK_END = "<answer>", "<think>", "</think>"
_THINK_END_THEN_ANSWER = re.compile(r"</think>\s*<answer>")
_COARSE_DECIMALS = 2


class Completion(NamedTuple):
    """A completion: its text, whether it has an end token, and its number of tokens."""

    text: str
    finished: bool = True
    tokens: int = 0


class Answer(NamedTuple):
    """A parsed completion: `score` is None exactly if `status` is not "ok".

    `no_answer`: no `<answer>…</answer>` after the reasoning. `truncated`: the same, and the
    completion reached its maximum length. `not_a_number`: the answer is not one number.
    `out_of_range`: the number is outside of `answer.range`.

    `coarse`: the score has fewer than two decimals, without trailing zeros: "3.50" is coarse,
    "3.05" is not. A failure is not coarse.
    """

    score: float | None
    status: AnswerStatus
    coarse: bool


def parse_answer(completion: Completion, params: AnswerParams) -> Answer:
    """Parse the score of a completion.

    The reading `strict` requires an answer that is one number, ignoring whitespace around it and
    answers within the reasoning. `authors` takes the first `-?\\d+(\\.\\d+)?` of the last answer,
    or of the whole text if no answer is complete.

    >>> params = AnswerParams(parsing="strict", range=[0, 5])
    >>> parse_answer(Completion("<think>sharp</think><answer>3.42</answer>"), params)
    Answer(score=3.42, status='ok', coarse=False)
    >>> parse_answer(Completion("<think>sharp</think><answer>4/5</answer>"), params).status
    'not_a_number'
    """
    text, strict = completion.text, params.parsing == "strict"
    start, end = _last_answer(text, _reasoning_end(text) if strict else 0)
    has_answer = end >= 0
    if strict:
        number = NUMBER.fullmatch(text[start:end].strip()) if has_answer else None
    else:
        number = AUTHORS_NUMBER.search(text, start, end if has_answer else len(text))
    if number is not None:
        return _check_range(number.group(), params.limits)
    missing: AnswerStatus = "no_answer" if completion.finished else "truncated"
    return Answer(None, "not_a_number" if has_answer else missing, False)


def answer_start(text: str, reading: AnswerParsing) -> int | None:
    """Index after the last `<answer>` of a completion, closed or not; None without answer.

    `strict` searches after the reasoning, `authors` everywhere, as `parse_answer` does.
    """
    position = _reasoning_end(text) if reading == "strict" else 0
    start, end = _last_answer(text, position)
    unclosed = text.find(_ANSWER, max(position, end))
    if unclosed >= 0:
        return unclosed + len(_ANSWER)
    return start if end >= 0 else None


def has_format(completion: str, *, thinking: bool = True) -> bool:
    """Whether the whole completion is `<think>.*?</think>\\s*<answer>.*?</answer>`.

    Without `thinking`: whether it is one `<answer>.*?</answer>` without `<think>`. The dot matches
    line breaks and other tags, too. Whitespace before the first or after the last tag is an error.

    >>> has_format("<think>sharp</think> <answer>good</answer>")
    True
    >>> has_format("<think>sharp</think> so <answer>3.42</answer>")
    False
    >>> has_format("<answer>3.42</answer>", thinking=False)
    True
    """
    if not thinking:
        tags = [completion.count(tag) for tag in (_ANSWER, ANSWER_END, _THINK, _THINK_END)]
        is_enclosed = completion.startswith(_ANSWER) and completion.endswith(ANSWER_END)
        return is_enclosed and tags == [1, 1, 0, 0]
    if not (completion.startswith(_THINK) and completion.endswith(ANSWER_END)):
        return False
    # Faster than the regular expression above, which backtracks.
    inner_end = len(completion) - len(ANSWER_END)
    return _THINK_END_THEN_ANSWER.search(completion, len(_THINK), inner_end) is not None


@lru_cache(maxsize=4096)  # scores with two decimals repeat often
def _check_range(number: str, limits: tuple[float, float] | None) -> Answer:
    score = float(number)
    low, high = limits or (-sys.float_info.max, sys.float_info.max)
    if not low <= score <= high:
        return Answer(None, "out_of_range", False)
    # As the authors, count the decimals of the printed float: "2.920" equals "2.92".
    decimals = str(score).partition(".")[2].rstrip("0")
    return Answer(score, "ok", len(decimals) < _COARSE_DECIMALS)


def _reasoning_end(completion: str) -> int:
    """Index from which an answer may begin; the end of the text if `<think>` is not closed."""
    end = completion.find(_THINK_END)
    if end >= 0:
        return end + len(_THINK_END)
    return len(completion) if _THINK in completion else 0


def _last_answer(completion: str, position: int) -> tuple[int, int]:
    """Start and end of the text in the last complete answer; (0, -1) without one.

    Answers do not nest: the first `</answer>` after an `<answer>` closes it.
    """
    last = (0, -1)
    while (opening := completion.find(_ANSWER, position)) >= 0:
        start = opening + len(_ANSWER)
        end = completion.find(ANSWER_END, start)
        if end < 0:
            break
        last = (start, end)
        position = end + len(ANSWER_END)
    return last


_CLOSING = "</"
_NUMBER_PREFIX = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?)?")


class PartialAnswer(NamedTuple):
    """The beginning of an answer that may still become a score."""

    number: str = ""
    tail: str = ""  # text after the number: one character of whitespace, part of a tag, or both


@lru_cache(maxsize=1 << 16)  # the same prefixes occur for every clip
def prefix_value(prefix: PartialAnswer) -> float | None:
    """The number so far; None before its first digit, or if words may follow it."""
    digits = prefix.number.rstrip(".")
    # After whitespace, words may follow, which make a strict answer invalid.
    if prefix.tail[:1].isspace() or digits in {"", "-"}:
        return None
    return float(digits)


@lru_cache(maxsize=1 << 16)
def extend_prefix(
    prefix: PartialAnswer, piece: str, reading: AnswerParsing
) -> PartialAnswer | float | None:
    """Extend the text after `<answer>` by the text of a token.

    Returns:
        The score, as soon as no continuation can change it; None if there can be none.

    >>> extend_prefix(PartialAnswer("3"), ".4", "strict")
    PartialAnswer(number='3.4', tail='')
    >>> extend_prefix(PartialAnswer("3.4"), "</answer>", "strict")
    3.4
    >>> extend_prefix(PartialAnswer("3", " "), "out", "strict")
    >>> extend_prefix(PartialAnswer("3"), " out", "authors")
    3.0
    """
    text = prefix.number + prefix.tail + piece
    return _extend_strict(text) if reading == "strict" else _extend_authors(text)


def _extend_strict(text: str) -> PartialAnswer | float | None:
    before, bracket, rest = text.partition("<")
    number, tag = before.strip(), bracket + rest
    space = before.lstrip()[len(number) :][:1]  # one character represents all of them
    if not (space or tag):
        return PartialAnswer(number) if _NUMBER_PREFIX.fullmatch(number) else None
    if not NUMBER.fullmatch(number) or not may_close_answer(tag):
        return None
    return float(number) if tag.startswith(_CLOSING) else PartialAnswer(number, space + tag)


def _extend_authors(text: str) -> PartialAnswer | float | None:
    answer, closed, _ = text.partition(_CLOSING)
    found = AUTHORS_NUMBER.search(answer)
    if found is None:
        sign, tag = ("-" if answer.endswith("-") else ""), ("<" if answer.endswith("<") else "")
        return None if closed else PartialAnswer(sign, tag)
    after = answer[found.end() :]
    if closed or after not in {"", "."}:
        return float(found.group())
    return PartialAnswer(found.group() + after)


def may_close_answer(text: str) -> bool:
    """Whether the text begins with `</answer>`, or is the beginning of it."""
    return text.startswith(ANSWER_END) or ANSWER_END.startswith(text)
