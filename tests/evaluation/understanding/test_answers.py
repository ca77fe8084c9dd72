"""Shuffled options, parsed answers, and accuracy."""

from collections import Counter
from typing import Any

import pytest

from vqathinker.evaluation.understanding.answers import read_option
from vqathinker.evaluation.understanding.measure import AnswerPair, accuracy_rows, position_rows
from vqathinker.evaluation.understanding.questions import (
    Question,
    sample,
    shuffled_options,
)
from vqathinker.policy.answer import Completion

QUESTIONS = [
    Question(number, ("a.mp4",), "choice", "?", options=("w", "x", "y", "z"), right="w")
    for number in range(400)
]


def test_correct_options_are_at_each_position_about_equally_often() -> None:
    places = Counter(shuffled_options(question, 7).index("w") for question in QUESTIONS)
    assert all(70 <= places[place] <= 130 for place in range(4))


def test_samples_keep_the_order_and_are_reproducible() -> None:
    drawn = sample(QUESTIONS, 10, 3)
    assert drawn == sample(QUESTIONS, 10, 3) != sample(QUESTIONS, 10, 4)
    assert [q.number for q in drawn] == sorted(q.number for q in drawn)
    assert sample(QUESTIONS, None, 3) == sample(QUESTIONS, 400, 3) == QUESTIONS


OPTIONS = ["Noise", "Video quality is good", "Blur"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think>noisy</think><answer>A</answer>", "Noise"),
        ("<think>noisy</think> <answer> B. </answer>", "Video quality is good"),
        ("<answer>(C)</answer>", "Blur"),
        ("<answer>blur</answer>", "Blur"),
        ("<answer>C. Blur</answer>", "Blur"),
        ("<answer>A</answer><answer>C</answer>", "Blur"),
        ("B", "Video quality is good"),
    ],
)
def test_a_letter_or_the_text_of_an_option_is_accepted(text: str, expected: str) -> None:
    assert read_option(Completion(text), OPTIONS) == (expected, "ok")


@pytest.mark.parametrize(
    ("text", "finished", "status"),
    [
        ("<answer>D</answer>", True, "not_an_option"),
        ("<answer>A or C</answer>", True, "not_an_option"),
        ("<answer>A. Blur</answer>", True, "not_an_option"),
        ("The answer is B", True, "not_an_option"),
        ("<answer></answer>", True, "no_answer"),
        ("<think>A <answer>A</answer>", True, "no_answer"),
        ("<think>A", False, "truncated"),
        ("B", False, "truncated"),
    ],
)
def test_other_answers_fail_with_a_status(text: str, finished: bool, status: str) -> None:
    assert read_option(Completion(text, finished), OPTIONS) == (None, status)


def answered(number: int, right: str, expected: str | None, options: tuple[str, ...]) -> AnswerPair:
    question = Question(
        number, ("a.mp4",), "choice", "?", options=options, right=right,
        parts=(("dimension", right),),
    )  # fmt: skip
    shuffled = shuffled_options(question, 0)
    return question, {
        "options": shuffled,
        "answer": expected,
        "status": "ok" if expected else "not_an_option",
    }


def by_name(rows: Any, measure: str, part: str) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in rows if (row["measure"], row["part"]) == (measure, part)}


FOUR = ("blur", "noise", "color", "artifact")
ANSWERS = [
    *(answered(number, "blur", "blur", FOUR) for number in range(8)),
    *(answered(number, "noise", None, FOUR) for number in range(8, 10)),
]


def test_failures_count_as_wrong() -> None:
    overall = by_name(accuracy_rows(ANSWERS), "accuracy", "overall")[""]
    assert (overall["n"], overall["n_failed"], overall["value"]) == (10, 2, 0.8)
    # Wilson's closed form: (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n), z = 1.959964.
    assert overall["low"] == pytest.approx(0.4901625, abs=1e-6)
    assert overall["high"] == pytest.approx(0.9433178, abs=1e-6)
    assert overall["chance"] == 0.25
    assert overall["majority"] == 0.8


def test_position_shares_show_a_policy_that_always_answers_a() -> None:
    pairs = []
    for number in range(60):
        question, answer = answered(number, FOUR[number % 4], None, FOUR)
        pairs.append((question, {**answer, "answer": answer["options"][0], "status": "ok"}))
    shares = by_name(position_rows(pairs), "answer_share", "position")
    assert [shares[letter]["value"] for letter in "ABCD"] == [1.0, 0.0, 0.0, 0.0]
    assert {shares[letter]["chance"] for letter in "ABCD"} == {0.25}
    accuracy = by_name(position_rows(pairs), "accuracy", "position")
    assert [accuracy[letter]["value"] for letter in "ABCD"] == [1.0, 0.0, 0.0, 0.0]
