"""Answers to questions: how a completion is parsed, and the file of answers.

An answer to a question with options is one letter ("B", "B.", "(B)"), the exact text of an option,
or both of the same option ("B. Noise"). Everything else is a failure with a status; the first
letter or the most similar text is not guessed.

The file is a parquet table with provenance. Columns: `question` (its number), `video` (id; for a
pair, joined by `_cat_`), `kind` (of the question), `question_text` (with its options), `options`
(in the order of the prompt; empty for an open question), `completion` (null if nothing is
generated), `status` (see `OptionStatus`), `answer` (the option or open answer; null unless ok),
`score` (of a rating) and `log_probs` (of each option, if the likeliest is chosen). The file has no
correct answers. Its provenance has at least `run` and `task`.
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

OptionStatus = Literal["ok", "no_answer", "not_an_option", "truncated", "out_of_range",
                       "not_a_number", "no_clip"]  # fmt: skip
_LETTER = re.compile(r"\(?([A-Z])\)?[.:)]?")
_LETTER_AND_TEXT = re.compile(r"\(?([A-Z])(?:\)|[.:])\s*(.+)", re.DOTALL)
_TAG = re.compile(r"</?(?:think|answer)>")
_ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
SCHEMA = pa.schema(
    {
        "question": pa.int64(),
        "video": pa.string(),
        "kind": pa.string(),
        "question_text": pa.string(),
        "options": pa.list_(pa.string()),
        "completion": pa.string(),
        "status": pa.string(),
        "answer": pa.string(),
        "score": pa.float64(),
        "log_probs": pa.list_(pa.float64()),
    }
)


class ParsedAnswer(NamedTuple):
    """`text` is the chosen option or the open answer; None unless the status is ok."""

    text: str | None
    status: OptionStatus


def answer_text(completion: Completion) -> ParsedAnswer:
    """The last `<answer>` after the reasoning, or the whole text if it has no tags.

    >>> answer_text(Completion("<think>B?</think><answer> C </answer>"))
    ParsedAnswer(text='C', status='ok')
    """
    text = completion.text
    if not _TAG.search(text):
        answer = text.strip()
    else:
        _, thought, after = text.partition("</think>")
        found = _ANSWER.findall(after if thought else "" if "<think>" in text else text)
        answer = found[-1].strip() if found else ""
    if answer and (completion.finished or _TAG.search(text)):
        return ParsedAnswer(answer, "ok")
    return ParsedAnswer(None, "no_answer" if completion.finished else "truncated")


def read_option(completion: Completion, options: Sequence[str]) -> ParsedAnswer:
    """The option that a completion names; `options` are in the order of the prompt.

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
    """One row per question, in their order, and the provenance of the rows."""

    rows: list[dict[str, Any]]
    provenance: dict[str, Any]


def write_answers(path: Path, rows: list[dict[str, Any]], provenance: dict[str, Any]) -> None:
    """Write answers in the order of their questions."""
    ordered = sorted(rows, key=lambda row: row["question"])
    write_table(path, pa.Table.from_pylist(ordered, schema=SCHEMA), provenance)


def read_answers(path: Path) -> Answers:
    """Read answers with their provenance.

    Raises:
        InputError: the file is not readable, or lacks a column or its provenance.
    """
    rows, provenance = read_table(path, SCHEMA.names, ("run", "task"), ANSWERS)
    return Answers(rows.to_pylist(), provenance)
