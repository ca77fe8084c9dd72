"""What a completion says to a question with options: one of them, or by name why none.

An answer counts if it is one letter of the options ("B", "B.", "(B)"), exactly the text of one of
them, or both of the same ("B. Noise"). Anything else is a failure with a name and never a guess:
not the first letter that stands in it, not the nearest text.
"""

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

from vqathinker.evaluation.understanding.question import LETTERS
from vqathinker.policy.answer import Completion

__all__ = ["STATUSES", "Said", "answer_text", "read_option"]

OptionStatus = Literal["ok", "no_answer", "not_an_option", "cut_off", "out_of_range",
                       "not_a_number", "no_clip"]  # fmt: skip
STATUSES: tuple[OptionStatus, ...] = get_args(OptionStatus)

_LETTER = re.compile(r"\(?([A-Z])\)?[.:)]?")
_LETTER_AND_TEXT = re.compile(r"\(?([A-Z])(?:\)|[.:])\s*(.+)", re.DOTALL)
_TAG = re.compile(r"</?(?:think|answer)>")
_ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)


class Said(NamedTuple):
    """`text` is the option that was named, or the words of an open answer; None unless ok."""

    text: str | None
    status: OptionStatus


def answer_text(completion: Completion) -> Said:
    """What stands in the last `<answer>` behind the thought, or all of a text without any tag.

    >>> answer_text(Completion("<think>B?</think><answer> C </answer>"))
    Said(text='C', status='ok')
    """
    text = completion.text
    if not _TAG.search(text):
        said = text.strip()
    else:
        _, thought, behind = text.partition("</think>")
        found = _ANSWER.findall(behind if thought else "" if "<think>" in text else text)
        said = found[-1].strip() if found else ""
    if said and (completion.finished or _TAG.search(text)):
        return Said(said, "ok")
    return Said(None, "no_answer" if completion.finished else "cut_off")


def read_option(completion: Completion, options: Sequence[str]) -> Said:
    """The option, in the order in which they were shown, that a completion names.

    >>> read_option(Completion("<answer>b. noise</answer>"), ["Blur", "Noise"]).status
    'not_an_option'
    >>> read_option(Completion("<answer>B. noise</answer>"), ["Blur", "Noise"])
    Said(text='Noise', status='ok')
    """
    said = answer_text(completion)
    if said.text is None:
        return said
    if letter := _LETTER.fullmatch(said.text):
        return _of_place(LETTERS.index(letter[1]), options)
    named = [option for option in options if _same(option, said.text)]
    if both := _LETTER_AND_TEXT.fullmatch(said.text):
        place = LETTERS.index(both[1])
        if place < len(options) and _same(options[place], both[2]):
            named.append(options[place])
    return Said(named[0], "ok") if len(set(named)) == 1 else Said(None, "not_an_option")


def _of_place(place: int, options: Sequence[str]) -> Said:
    return Said(options[place], "ok") if place < len(options) else Said(None, "not_an_option")


def _same(option: str, said: str) -> bool:
    return _plain(option) == _plain(said)


def _plain(text: str) -> str:
    return " ".join(text.split()).rstrip(".").casefold()
