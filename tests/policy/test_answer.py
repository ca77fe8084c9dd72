"""Parsing of answers; golden values of the format are in tests/training/test_rewards.py."""

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
    PartialAnswer,
    answer_start,
    extend_prefix,
    has_format,
    parse_answer,
)

STRICT = AnswerParams(parsing="strict", range=[0, 5])
AUTHORS = AnswerParams(parsing="authors", range=None)

# completion, score, coarse, why
AUTHORS_ANSWERS = [
    ("<think>sharp</think>\n<answer> 3.42/5 </answer>", 3.42, False, "blanks and a scale"),
    ("<answer>3.50</answer>", 3.5, True, "trailing zeros do not count"),
    ("<answer>0.00001</answer>", 1e-5, True, "printed as 1e-05, which shows no decimal"),
    ("<answer>1.11</answer><answer>2.22</answer>", 2.22, False, "the last answer counts"),
    ("<think><answer>1.00</answer></think><answer>2.31</answer>", 2.31, False, "a first guess"),
    ("<answer>٣.٢٥</answer>", 3.25, False, "digits of any script"),
]
# completion, status, why
AUTHORS_FAILURES = [
    ("", "no_answer", "nothing"),
    (
        "<think>2 of 6 frames</think><answer></answer>",
        "not_a_number",
        "an empty answer is not looked for elsewhere",
    ),
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
    ("<answer>4/5</answer>", "not_a_number", "a scale after it"),
    ("<answer>between 3 and 4, so 3.55</answer>", "not_a_number", "a sentence"),
    ("<answer>.5</answer>", "not_a_number", "no digit before the point"),
    ("<answer>٣.٢٥</answer>", "not_a_number", "digits of another script"),
    ("<answer>1.11<answer>2.22</answer>", "not_a_number", "answers do not nest"),
    ("<think>sharp</think><answer></answer>", "not_a_number", "an empty answer"),
    ("", "no_answer", "nothing"),
    ("The quality is 3.71 of 5", "no_answer", "a number, but no answer"),
    ("<think>I would say <answer>3.42</answer> but", "no_answer", "inside of the reasoning"),
    ("<think>a</think><answer>3.71", "no_answer", "an answer that never ends"),
]
PIECES = ["<think>", "</think>", "<answer>", "</answer>", " ", "\n", "so", "3", "3.25", "-", "."]


@pytest.mark.parametrize(("text", "score", "coarse", "why"), STRICT_ANSWERS)
def test_strict_score_is_one_number_in_range(
    text: str, score: float, coarse: bool, why: str
) -> None:
    assert parse_answer(Completion(text), STRICT) == Answer(score, "ok", coarse), why


@pytest.mark.parametrize(("text", "status", "why"), STRICT_FAILURES)
def test_strict_failures_have_a_status(text: str, status: str, why: str) -> None:
    assert parse_answer(Completion(text), STRICT) == Answer(None, status, coarse=False), why


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("<think>I see 12 frames, 2 of", "truncated"),
        ("<think>a</think><answer>3.4", "truncated"),
        ("<think>a</think><answer>3.42</answer> and so", "ok"),
        ("<think>a</think><answer>4/5</answer> and so", "not_a_number"),
    ],
)
def test_completion_at_its_maximum_length_is_truncated(text: str, status: str) -> None:
    assert parse_answer(Completion(text, finished=False), STRICT).status == status


def test_range_is_a_parameter() -> None:
    completion = Completion("<answer>97.25</answer>")
    for limits, status in (([0, 100], "ok"), ([0, 5], "out_of_range"), (None, "ok")):
        how = AnswerParams(parsing="strict", range=limits)
        assert parse_answer(completion, how).status == status


@pytest.mark.parametrize(("text", "score", "coarse", "why"), AUTHORS_ANSWERS)
def test_authors_take_the_first_number(text: str, score: float, coarse: bool, why: str) -> None:
    assert parse_answer(Completion(text), AUTHORS) == Answer(score, "ok", coarse), why


@pytest.mark.parametrize(("text", "status", "why"), AUTHORS_FAILURES)
def test_authors_failures_have_a_status(text: str, status: str, why: str) -> None:
    assert parse_answer(Completion(text), AUTHORS) == Answer(None, status, coarse=False), why


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
def test_without_thinking_the_format_is_the_answer_only(
    text: str, expected: bool, why: str
) -> None:
    assert has_format(text, thinking=False) is expected, why


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_parsing_equals_the_regular_expressions(text: str) -> None:
    answers = re.findall(r"<answer>(.*?)</answer>", text, re.DOTALL)
    found = re.search(r"-?\d+(\.\d+)?", answers[-1] if answers else text)
    read = parse_answer(Completion(text), AUTHORS)
    assert read.score == (float(found.group()) if found else None)
    whole = re.fullmatch(r"<think>.*?</think>\s*<answer>.*?</answer>", text, re.DOTALL)
    assert has_format(text) is (whole is not None)


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), st.booleans())
def test_strict_scores_equal_the_authors(text: str, finished: bool) -> None:
    strict, authors = (parse_answer(Completion(text, finished), how) for how in (STRICT, AUTHORS))
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
def test_parsing_by_pieces_equals_parsing_the_whole(
    reading: Any, pieces: list[str], split: int
) -> None:
    whole = parse_answer(
        Completion(f"<answer>{''.join(pieces)}{CLOSE}"), AnswerParams(parsing=reading, range=None)
    )
    state: Any = PartialAnswer()
    for piece in [*pieces, CLOSE[:split], CLOSE[split:]]:
        if isinstance(state, PartialAnswer) and piece:
            state = extend_prefix(state, piece, reading)
    assert not isinstance(state, PartialAnswer)
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
def test_start_of_the_last_answer(text: str, strict: int | None, authors: int | None) -> None:
    assert answer_start(text, "strict") == strict
    assert answer_start(text, "authors") == authors
