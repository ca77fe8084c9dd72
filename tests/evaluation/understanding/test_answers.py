"""Options in a drawn order, answers that name one of them, and their accuracy."""

from collections import Counter
from typing import Any

import pytest

from vqathinker.evaluation.understanding.answers import read_option
from vqathinker.evaluation.understanding.measure import Answered, accuracy_rows, position_rows
from vqathinker.evaluation.understanding.questions import Question, order_of, sample
from vqathinker.policy.answer import Completion

QUESTIONS = [
    Question(number, ("a.mp4",), "choice", "?", options=("w", "x", "y", "z"), right="w")
    for number in range(400)
]


def test_the_right_option_stands_at_each_place_about_as_often() -> None:
    places = Counter(order_of(question, 7).index("w") for question in QUESTIONS)
    assert all(70 <= places[place] <= 130 for place in range(4))


def test_a_sample_keeps_the_order_and_is_the_same_each_time() -> None:
    drawn = sample(QUESTIONS, 10, 3)
    assert drawn == sample(QUESTIONS, 10, 3) != sample(QUESTIONS, 10, 4)
    assert [q.number for q in drawn] == sorted(q.number for q in drawn)
    assert sample(QUESTIONS, None, 3) == sample(QUESTIONS, 400, 3) == QUESTIONS


SHOWN = ["Noise", "Video quality is good", "Blur"]


@pytest.mark.parametrize(
    ("text", "said"),
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
def test_one_letter_or_the_text_of_one_option_counts(text: str, said: str) -> None:
    assert read_option(Completion(text), SHOWN) == (said, "ok")


@pytest.mark.parametrize(
    ("text", "finished", "status"),
    [
        ("<answer>D</answer>", True, "not_an_option"),
        ("<answer>A or C</answer>", True, "not_an_option"),
        ("<answer>A. Blur</answer>", True, "not_an_option"),
        ("The answer is B", True, "not_an_option"),
        ("<answer></answer>", True, "no_answer"),
        ("<think>A <answer>A</answer>", True, "no_answer"),
        ("<think>A", False, "cut_off"),
        ("B", False, "cut_off"),
    ],
)
def test_anything_else_is_a_failure_with_a_name(text: str, finished: bool, status: str) -> None:
    assert read_option(Completion(text, finished), SHOWN) == (None, status)


def answered(number: int, right: str, said: str | None, options: tuple[str, ...]) -> Answered:
    question = Question(
        number, ("a.mp4",), "choice", "?", options=options, right=right,
        parts=(("dimension", right),),
    )  # fmt: skip
    shown = order_of(question, 0)
    return question, {"shown": shown, "said": said, "status": "ok" if said else "not_an_option"}


def by_name(rows: Any, measure: str, part: str) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in rows if (row["measure"], row["part"]) == (measure, part)}


FOUR = ("blur", "noise", "color", "artifact")
ANSWERS = [
    *(answered(number, "blur", "blur", FOUR) for number in range(8)),
    *(answered(number, "noise", None, FOUR) for number in range(8, 10)),
]


def test_a_failure_is_no_right_answer_and_is_counted() -> None:
    overall = by_name(accuracy_rows(ANSWERS), "accuracy", "overall")[""]
    assert (overall["n"], overall["n_failed"], overall["value"]) == (10, 2, 0.8)
    # Wilson's closed form: (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n), z = 1.959964.
    assert overall["low"] == pytest.approx(0.4901625, abs=1e-6)
    assert overall["high"] == pytest.approx(0.9433178, abs=1e-6)
    assert overall["chance"] == 0.25
    assert overall["majority"] == 0.8


def test_a_policy_that_always_names_the_first_place_is_seen_by_its_shares() -> None:
    pairs = []
    for number in range(60):
        question, told = answered(number, FOUR[number % 4], None, FOUR)
        pairs.append((question, {**told, "said": told["shown"][0], "status": "ok"}))
    shares = by_name(position_rows(pairs), "answer_share", "position")
    assert [shares[letter]["value"] for letter in "ABCD"] == [1.0, 0.0, 0.0, 0.0]
    assert {shares[letter]["chance"] for letter in "ABCD"} == {0.25}
    accuracy = by_name(position_rows(pairs), "accuracy", "position")
    assert [accuracy[letter]["value"] for letter in "ABCD"] == [1.0, 0.0, 0.0, 0.0]
