"""The HTML panel of a clip escapes everything that comes from outside."""

from dataclasses import replace
from html import unescape

import numpy as np
import pytest
from tests.serving.hostile import SCRIPT

from vqathinker.scoring.results import ClipScore
from vqathinker.scoring.sample import SampledClip
from vqathinker.serving.results import UploadResult, comparison_html, result_html
from vqathinker.video.statistics import STATISTICS

RESULT = ClipScore(
    file="a.mp4", score=3.214, reasoning="I see blur.", answer_status="ok", method="greedy",
    percentile=63.2,
)  # fmt: skip


def scored(score: float | None, *answers: float) -> UploadResult:
    return UploadResult("a.mp4", result=replace(RESULT, score=score), answers=answers, scale=(0, 5))


def test_a_score_is_explained() -> None:
    panel = result_html(UploadResult("a.mp4", result=RESULT, scale=(0, 5)))
    assert "<strong>3.21</strong> on a scale of 0 to 5" in panel
    assert "MOS of 63 of 100 training clips" in panel
    assert "<blockquote>I see blur.</blockquote>" in panel
    assert "width:64.3%" in panel


def test_markup_and_templates_are_escaped() -> None:
    result = replace(RESULT, reasoning=SCRIPT, warnings=(SCRIPT,), answer_status=SCRIPT, score=None)
    for upload in (UploadResult(SCRIPT, result=result), UploadResult(SCRIPT, error=SCRIPT)):
        panel = result_html(upload)
        assert "<img" not in panel
        assert not set("`${}") & set(panel)
        assert SCRIPT in unescape(panel)


def test_frames_are_described_as_the_policy_saw_them() -> None:
    resized = SampledClip("a.mp4", np.zeros((6, 56, 56, 3), np.uint8), tuple(range(6)))
    assert "resized to 56×56" in result_html(UploadResult("a.mp4", sampled=resized))
    pixels, statistics = np.zeros((6, 56, 224, 3), np.uint8), np.zeros((6, STATISTICS), np.float32)
    tiles = replace(resized, pixels=pixels, statistics=statistics)
    panel = result_html(UploadResult("a.mp4", sampled=tiles))
    assert "4 tiles of 56×56 native pixels" in panel
    assert "resized" not in panel


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        (scored(4.0), scored(3.5), "Clip A is better</strong> than clip B, by 0.50 points"),
        (scored(1.0), scored(3.5), "Clip B is better</strong> than clip A, by 2.50 points"),
        (scored(3.001), scored(3.004), "same score, 3.00"),
        (scored(3.0, 2.0, 4.0), scored(1.5, 1.0, 2.0), "88% of pairs"),
    ],
)
def test_two_clips_are_compared(a: UploadResult, b: UploadResult, words: str) -> None:
    assert words in comparison_html(a, b)
