"""The order of options is drawn by seed and place, and hides no right answer at one place."""

from collections import Counter

from vqathinker.evaluation.understanding.questions import Question, order_of, sample

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
