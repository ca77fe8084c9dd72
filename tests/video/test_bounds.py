"""Sizes of clips of strangers."""

from dataclasses import replace
from pathlib import Path

import pytest

from vqathinker.video.bounds import BoundsError, ClipBounds
from vqathinker.video.probe import Probe

FACTS = Probe(1920, 1080, 30.0, 300, 10.0, "h264", "yuv420p", 0)


def test_a_clip_within_its_bounds_passes(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(bytes(1000))
    ClipBounds(megabytes=0.001).require_file(path)
    ClipBounds(seconds=10, pixels=1920 * 1080).require_shown(FACTS)


def test_a_file_of_too_many_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(bytes(2_000_001))
    with pytest.raises(BoundsError, match="a file of 2 MB, at most 1 MB are taken"):
        ClipBounds(megabytes=1).require_file(path)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (replace(FACTS, duration_s=301.0), "a clip of 301 s, at most 300 s are taken: cut it"),
        (replace(FACTS, width=8192, height=4320), "frames of 8192x4320 pixels, at most 9437184"),
    ],
)
def test_a_clip_that_is_too_long_or_too_wide(facts: Probe, words: str) -> None:
    with pytest.raises(BoundsError, match=words):
        ClipBounds().require_shown(facts)
