"""The beginning of an answer, and what it may still become.

Read piece by piece, an answer gives the score that `policy.answer` reads in the whole text. The
closing tag counts as said once its `</` is there, so a tag in several tokens costs no extra steps.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from vqathinker.choices import AnswerReading
from vqathinker.policy.answer import ANSWER_END, AUTHORS_NUMBER, NUMBER

__all__ = ["Prefix", "extend", "tags_agree", "value_of"]

_CLOSING = "</"
_BEGINNING = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?)?")


class Prefix(NamedTuple):
    """The beginning of an answer that may still become a score.

    `number` is what there is of the number. `tail` is what follows it and matters: a blank, the
    first character of a tag, or both.
    """

    number: str = ""
    tail: str = ""


@lru_cache(maxsize=1 << 16)  # the same prefixes come up in every clip
def value_of(prefix: Prefix) -> float | None:
    """The number so far; None before its first digit.

    It is None also after a blank: words may follow, and then the answer is not a number.
    """
    digits = prefix.number.rstrip(".")
    if prefix.tail[:1].isspace() or digits in {"", "-"}:
        return None
    return float(digits)


@lru_cache(maxsize=1 << 16)
def extend(prefix: Prefix, piece: str, reading: AnswerReading) -> Prefix | float | None:
    """The prefix extended by a piece of text.

    Args:
        prefix: the text after `<answer>`.
        piece: the text of the next token.
        reading: as `answer.reading` has it.

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
    said, mark, rest = text.partition("<")
    number, tag = said.strip(), mark + rest
    blank = said.lstrip()[len(number) :][:1]  # one stands for all of them
    if not (blank or tag):
        return Prefix(number) if _BEGINNING.fullmatch(number) else None
    if not NUMBER.fullmatch(number) or not tags_agree(tag, ANSWER_END):
        return None
    return float(number) if tag.startswith(_CLOSING) else Prefix(number, blank + tag)


def _authors(text: str) -> Prefix | float | None:
    said, closed, _ = text.partition(_CLOSING)
    found = AUTHORS_NUMBER.search(said)
    if found is None:
        sign, tag = ("-" if said.endswith("-") else ""), ("<" if said.endswith("<") else "")
        return None if closed else Prefix(sign, tag)
    after = said[found.end() :]
    if closed or after not in {"", "."}:
        return float(found.group())
    return Prefix(found.group() + after)


def tags_agree(said: str, tag: str) -> bool:
    """Whether what was said is the beginning of a tag, or begins with it."""
    return said.startswith(tag) or tag.startswith(said)
