"""How answers are parsed; the golden formats are in tests/training/test_rewards.py."""

import re
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqathinker.choices import AnswerParsing
from vqathinker.params import AnswerParams
from vqathinker.policy.answer import (
    STATUSES,
    Answer,
    Completion,
    Prefix,
    answer_begins,
    extend,
    has_format,
    read_answer,
)

STRICT = AnswerParams(parsing="strict", range=[0, 5])
AUTHORS = AnswerParams(parsing="authors", range=None)

# completion, score, coarse, why
AUTHORS_ANSWERS = [
    ("<think>sharp</think><answer>3.42</answer>", 3.42, False, "as asked"),
    ("<think>sharp</think>\n<answer> 3.42/5 </answer>", 3.42, False, "blanks and a scale"),
    ("<answer>3.50</answer>", 3.5, True, "trailing zeros do not count"),
    ("<answer>0.00001</answer>", 1e-5, True, "printed as 1e-05, which shows no decimal"),
    ("<answer>-1.25</answer>", -1.25, False, "a sign belongs to the number, outside 1..5 or not"),
    ("<answer>.5</answer>", 5.0, True, "a number begins with a digit"),
    ("<answer>1e3</answer>", 1.0, True, "no exponents"),
    ("<answer>3.</answer>", 3.0, True, "a point without decimals ends the number"),
    ("<answer>1.11</answer><answer>2.22</answer>", 2.22, False, "the last answer counts"),
    ("<think><answer>1.00</answer></think><answer>2.31</answer>", 2.31, False, "a first guess"),
    ("The quality is 3.71 of 5", 3.71, False, "without an answer the whole text is read"),
    ("<answer>٣.٢٥</answer>", 3.25, False, "digits of any script"),
]
# completion, status, why
AUTHORS_FAILURES = [
    ("", "no_answer", "nothing"),
    ("<think>sharp</think><answer>good</answer>", "not_a_number", "words only"),
    (
        "<think>2 of 6 frames</think><answer></answer>",
        "not_a_number",
        "an empty answer is not looked for elsewhere",
    ),
    ("<answer>3.42</answer><answer>no</answer>", "not_a_number", "the last one has no number"),
    (f"<answer>{'9' * 400}</answer>", "out_of_range", "too large for a float"),
]
STRICT_ANSWERS = [
    ("<think>sharp</think><answer>3.42</answer>", 3.42, False, "as asked"),
    ("<think>sharp</think>\n<answer>\n 3.42 \n</answer>", 3.42, False, "blanks around it"),
    ("<answer>3.50</answer>", 3.5, True, "trailing zeros do not count"),
    ("<answer>0</answer>", 0.0, True, "the lowest"),
    ("<answer>1.11</answer><answer>2.22</answer>", 2.22, False, "the last answer counts"),
    ("<think>a <answer>1.25</answer></think><answer>2.31</answer>", 2.31, False, "a first guess"),
]
STRICT_FAILURES = [
    ("<think>…</think><answer>333.02</answer>", "out_of_range", "no score can be that"),
    (f"<answer>{'9' * 400}</answer>", "out_of_range", "too large for a float"),
    ("<answer>4/5</answer>", "not_a_number", "a scale behind it"),
    ("<answer>3,42</answer>", "not_a_number", "a comma"),
    ("<answer>between 3 and 4, so 3.55</answer>", "not_a_number", "a sentence"),
    ("<answer>.5</answer>", "not_a_number", "no digit before the point"),
    ("<answer>1e0</answer>", "not_a_number", "an exponent"),
    ("<answer>٣.٢٥</answer>", "not_a_number", "digits of another script"),
    ("<answer>1.11<answer>2.22</answer>", "not_a_number", "answers do not nest"),
    ("<think>sharp</think><answer></answer>", "not_a_number", "an empty answer"),
    ("", "no_answer", "nothing"),
    ("The quality is 3.71 of 5", "no_answer", "a number, but no answer"),
    ("<think>I would say <answer>3.42</answer> but", "no_answer", "inside of the reasoning"),
    ("<think>a</think><answer>3.71", "no_answer", "an answer that never ends"),
    ("<ANSWER>2</ANSWER>", "no_answer", "tags are lower case"),
]
# completion, whether it has the format, why
FORMATS = [
    ("<think>sharp</think><answer>3.42</answer>", True, "as asked"),
    ("<think>\nsharp\n</think><answer>\n3.42\n</answer>", True, "line breaks inside"),
    ("<think>a</think><answer>b</answer><answer>c</answer>", True, "other tags may stand inside"),
    ("<think>a<think>b</think><answer>c</answer>", True, "an inner tag is text"),
    (" <think>sharp</think><answer>3.42</answer>", False, "a blank before"),
    ("<think>sharp</think><answer>3.42</answer>\n", False, "a line break after"),
    ("<think>sharp</think> so <answer>3.42</answer>", False, "words between the two"),
    ("<think><answer></answer>", False, "one tag cannot serve as two"),
    ("", False, "nothing"),
]
PIECES = ["<think>", "</think>", "<answer>", "</answer>", " ", "\n", "so", "3", "3.25", "-", "."]


@pytest.mark.parametrize(("text", "score", "coarse", "why"), STRICT_ANSWERS)
def test_an_answer_that_is_one_number_in_range_is_a_score(
    text: str, score: float, coarse: bool, why: str
) -> None:
    assert read_answer(Completion(text), STRICT) == Answer(score, "ok", coarse), why


@pytest.mark.parametrize(("text", "status", "why"), STRICT_FAILURES)
def test_anything_else_is_a_failure_with_a_name(text: str, status: str, why: str) -> None:
    assert read_answer(Completion(text), STRICT) == Answer(None, status, coarse=False), why


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("<think>I see 12 frames, 2 of", "truncated"),
        ("<think>a</think><answer>3.4", "truncated"),
        ("<think>a</think><answer>3.42</answer> and so", "ok"),
        ("<think>a</think><answer>4/5</answer> and so", "not_a_number"),
    ],
)
def test_without_an_answer_one_that_reached_its_longest_length_was_cut_off(
    text: str, status: str
) -> None:
    assert read_answer(Completion(text, finished=False), STRICT).status == status


def test_the_range_is_a_parameter() -> None:
    completion = Completion("<answer>97.25</answer>")
    for limits, status in (([0, 100], "ok"), ([0, 5], "out_of_range"), (None, "ok")):
        how = AnswerParams(parsing="strict", range=limits)
        assert read_answer(completion, how).status == status


@pytest.mark.parametrize(("text", "score", "coarse", "why"), AUTHORS_ANSWERS)
def test_the_authors_take_the_first_number(text: str, score: float, coarse: bool, why: str) -> None:
    assert read_answer(Completion(text), AUTHORS) == Answer(score, "ok", coarse), why


@pytest.mark.parametrize(("text", "status", "why"), AUTHORS_FAILURES)
def test_without_any_number_theirs_is_a_failure_too(text: str, status: str, why: str) -> None:
    assert read_answer(Completion(text), AUTHORS) == Answer(None, status, coarse=False), why


@pytest.mark.parametrize(("text", "expected", "why"), FORMATS)
def test_the_format_is_that_of_the_whole_completion(text: str, expected: bool, why: str) -> None:
    assert has_format(text) is expected, why


@pytest.mark.parametrize(
    ("text", "expected", "why"),
    [
        ("<answer>3.42</answer>", True, "as asked"),
        ("<answer>\ngood\n</answer>", True, "only tags are looked at"),
        ("<think>sharp</think><answer>3.42</answer>", False, "a thought, which was not asked for"),
        ("<answer><think>sharp</think>3.42</answer>", False, "a thought inside"),
        ("3.42", False, "no tags"),
        ("<answer>3.42</answer>\n", False, "a line break after"),
    ],
)
def test_without_thinking_the_format_is_the_answer_alone(
    text: str, expected: bool, why: str
) -> None:
    assert has_format(text, thinking=False) is expected, why


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_reading_agrees_with_the_regular_expressions_of_the_method(text: str) -> None:
    answers = re.findall(r"<answer>(.*?)</answer>", text, re.DOTALL)
    found = re.search(r"-?\d+(\.\d+)?", answers[-1] if answers else text)
    read = read_answer(Completion(text), AUTHORS)
    assert read.score == (float(found.group()) if found else None)
    whole = re.fullmatch(r"<think>.*?</think>\s*<answer>.*?</answer>", text, re.DOTALL)
    assert has_format(text) is (whole is not None)


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), st.booleans())
def test_a_strict_score_is_one_that_the_authors_read_too(text: str, finished: bool) -> None:
    strict, authors = (read_answer(Completion(text, finished), how) for how in (STRICT, AUTHORS))
    assert strict.status in STATUSES
    assert (strict.score is None) == (strict.status != "ok")
    if strict.status == "ok":
        assert strict == authors


CLOSE = "</answer>"
ANSWER_PIECES = st.lists(
    st.sampled_from(["3", "4", "0", "42", ".", "-", " ", "\n", "3.4", "of", " 5", "<"])
)


@pytest.mark.parametrize("reading", get_args(AnswerParsing))
@given(pieces=ANSWER_PIECES, split=st.integers(1, len(CLOSE)))
def test_pieces_read_as_the_whole(reading: Any, pieces: list[str], split: int) -> None:
    whole = read_answer(
        Completion(f"<answer>{''.join(pieces)}{CLOSE}"), AnswerParams(parsing=reading, range=None)
    )
    state: Any = Prefix()
    for piece in [*pieces, CLOSE[:split], CLOSE[split:]]:
        if isinstance(state, Prefix) and piece:
            state = extend(state, piece, reading)
    assert not isinstance(state, Prefix)
    assert state == whole.score


@pytest.mark.parametrize(
    ("text", "strict", "authors"),
    [
        ("3.42", None, None),
        ("<answer>3", 8, 8),
        ("<think>a</think><answer>3</answer>", 24, 24),
        ("<answer>1</answer><answer>", 26, 26),
        ("<answer>so <answer>3</answer>", 8, 8),  # answers do not nest
        ("<think>say <answer>3</answer>", None, 19),
        ("<think>say <answer>3</answer></think>", None, 19),
    ],
)
def test_where_the_last_answer_begins(text: str, strict: int | None, authors: int | None) -> None:
    assert answer_begins(text, "strict") == strict
    assert answer_begins(text, "authors") == authors
