"""The panel of a clip: HTML in which nothing from outside becomes markup."""

from dataclasses import replace
from html import unescape

import pytest
from tests.serving.hostile import SCRIPT

from vqathinker.scoring.results import ClipScore
from vqathinker.serving.verdict import Verdict, comparison_html, verdict_html

RESULT = ClipScore(
    file="own", score=3.214, low=None, high=None, spread=None, reasoning="I see blur.",
    answer_status="ok", method="greedy", percentile=63.2,
)  # fmt: skip


def scored(score: float | None, *answers: float) -> Verdict:
    return Verdict("a.mp4", result=replace(RESULT, score=score), answers=answers, scale=(0, 5))


def test_a_score_says_what_it_means() -> None:
    shown = verdict_html(Verdict("a.mp4", result=RESULT, scale=(0, 5)))
    assert "<strong>3.21</strong> on a scale of 0 to 5" in shown
    assert "MOS of 63 of 100 training clips" in shown
    assert "<blockquote>I see blur.</blockquote>" in shown
    assert "width:64.3%" in shown


def test_nothing_from_outside_becomes_markup_or_template() -> None:
    result = replace(RESULT, reasoning=SCRIPT, warnings=(SCRIPT,), answer_status=SCRIPT, score=None)
    for verdict in (Verdict(SCRIPT, result=result), Verdict(SCRIPT, refusal=SCRIPT)):
        shown = verdict_html(verdict)
        assert "<img" not in shown
        assert not set("`${}") & set(shown)
        assert SCRIPT in unescape(shown)


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        (scored(4.0), scored(3.5), "Clip A is better</strong> than clip B, by 0.50 points"),
        (scored(1.0), scored(3.5), "Clip B is better</strong> than clip A, by 2.50 points"),
        (scored(3.001), scored(3.004), "same score, 3.00"),
        (scored(3.0, 2.0, 4.0), scored(1.5, 1.0, 2.0), "88% of pairs"),
    ],
)
def test_two_clips_are_compared(a: Verdict, b: Verdict, words: str) -> None:
    assert words in comparison_html(a, b)
