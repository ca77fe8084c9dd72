"""Accuracy with Wilson's interval, beside what knowing nothing has."""

from typing import Any

import pytest

from vqathinker.evaluation.understanding.questions import Question, order_of
from vqathinker.evaluation.understanding.rows import Answered, accuracy_rows, position_rows


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
