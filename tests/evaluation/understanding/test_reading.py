"""An answer is one option, or a failure with a name; never a guess."""

import pytest

from vqathinker.evaluation.understanding.answers import answer_text, read_option
from vqathinker.policy.answer import Completion

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


def test_an_open_answer_is_what_stands_in_the_last_answer_or_all_of_a_text_without_tags() -> None:
    assert answer_text(Completion("<think>x</think><answer>soft edges</answer>")).text == (
        "soft edges"
    )
    assert answer_text(Completion("Soft edges.\n")).text == "Soft edges."
