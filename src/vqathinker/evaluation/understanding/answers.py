"""Answers to questions: how a completion is read, and the file of answers.

An answer to a question with options is one letter of the options ("B", "B.", "(B)"), the exact text
of one of them, or both of the same option ("B. Noise"). Everything else is a named failure; neither
the first letter found nor the most similar text is guessed.

The file is a parquet table with provenance. Columns: `question` (its number), `video` (id; for a
pair, joined by `_cat_`), `kind` (of the question), `asked` (its words with the options as shown),
`shown` (options in that order, empty without), `completion` (null where nothing is generated),
`status` (see `OptionStatus`), `said` (the option, or the words of an open answer; null unless ok),
`score` (of a rating), `chances` (log probability of each option as shown, where the likeliest is
taken). The file contains no right answers. Its provenance has at least `run` and `task`.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pyarrow as pa

from vqathinker.evaluation.understanding.questions import LETTERS
from vqathinker.parquet import read_table, write_table
from vqathinker.policy.answer import Completion
from vqathinker.products import ANSWERS

OptionStatus = Literal["ok", "no_answer", "not_an_option", "cut_off", "out_of_range",
                       "not_a_number", "no_clip"]  # fmt: skip
_LETTER = re.compile(r"\(?([A-Z])\)?[.:)]?")
_LETTER_AND_TEXT = re.compile(r"\(?([A-Z])(?:\)|[.:])\s*(.+)", re.DOTALL)
_TAG = re.compile(r"</?(?:think|answer)>")
_ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
_SCHEMA = pa.schema(
    {
        "question": pa.int64(),
        "video": pa.string(),
        "kind": pa.string(),
        "asked": pa.string(),
        "shown": pa.list_(pa.string()),
        "completion": pa.string(),
        "status": pa.string(),
        "said": pa.string(),
        "score": pa.float64(),
        "chances": pa.list_(pa.float64()),
    }
)


class ParsedAnswer(NamedTuple):
    """`text` is the option that was named, or the words of an open answer; None unless ok."""

    text: str | None
    status: OptionStatus


def answer_text(completion: Completion) -> ParsedAnswer:
    """What stands in the last `<answer>` behind the thought, or all of a text without any tag.

    >>> answer_text(Completion("<think>B?</think><answer> C </answer>"))
    ParsedAnswer(text='C', status='ok')
    """
    text = completion.text
    if not _TAG.search(text):
        answer = text.strip()
    else:
        _, thought, behind = text.partition("</think>")
        found = _ANSWER.findall(behind if thought else "" if "<think>" in text else text)
        answer = found[-1].strip() if found else ""
    if answer and (completion.finished or _TAG.search(text)):
        return ParsedAnswer(answer, "ok")
    return ParsedAnswer(None, "no_answer" if completion.finished else "cut_off")


def read_option(completion: Completion, options: Sequence[str]) -> ParsedAnswer:
    """The option, in the order in which they were shown, that a completion names.

    >>> read_option(Completion("<answer>b. noise</answer>"), ["Blur", "Noise"]).status
    'not_an_option'
    >>> read_option(Completion("<answer>B. noise</answer>"), ["Blur", "Noise"])
    ParsedAnswer(text='Noise', status='ok')
    """
    parsed = answer_text(completion)
    if parsed.text is None:
        return parsed
    of_letter = dict(zip(LETTERS, options, strict=False))
    if letter := _LETTER.fullmatch(parsed.text):
        named = {of_letter.get(letter[1])}
    else:
        named = {option for option in options if _plain(option) == _plain(parsed.text)}
        if both := _LETTER_AND_TEXT.fullmatch(parsed.text):
            option = of_letter.get(both[1])
            named |= {option} if option and _plain(option) == _plain(both[2]) else set()
    option = named.pop() if len(named) == 1 else None
    return ParsedAnswer(option, "not_an_option" if option is None else "ok")


def _plain(text: str) -> str:
    return " ".join(text.split()).rstrip(".").casefold()


class Answers(NamedTuple):
    """One row a question that was asked, by its number, and where the rows come from."""

    rows: list[dict[str, Any]]
    provenance: dict[str, Any]

    @property
    def run(self) -> str:
        """The run whose policy spoke."""
        return str(self.provenance["run"])

    @property
    def task(self) -> str:
        """The task that was asked."""
        return str(self.provenance["task"])


def write_answers(path: Path, rows: list[dict[str, Any]], provenance: dict[str, Any]) -> None:
    """Write answers in the order of their questions."""
    ordered = sorted(rows, key=lambda row: row["question"])
    write_table(path, pa.Table.from_pylist(ordered, schema=_SCHEMA), provenance)


def read_answers(path: Path) -> Answers:
    """Read answers with their provenance.

    Raises:
        InputError: it is no such file, or lacks a column or its provenance.
    """
    rows, provenance = read_table(path, _SCHEMA.names, ("run", "task"), ANSWERS)
    return Answers(rows.to_pylist(), provenance)
