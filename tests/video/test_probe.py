"""Probing: facts of intact files, and statuses of unusable ones."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from vqathinker.errors import InputError
from vqathinker.video.damage import DamagedVideo, Failure
from vqathinker.video.probe import ClipBounds, Probe, probe, probe_all

MakeClip = Callable[..., Path]
Patch = Callable[..., Path]


def damage(path: Path) -> Failure:
    with pytest.raises(DamagedVideo) as caught:
        probe(path)
    assert caught.value.path == path
    assert str(path) not in caught.value.reason
    return caught.value.failure


def test_probe_of_mp4(mp4: Path) -> None:
    assert probe(mp4) == Probe(
        width=96, height=64, fps=20.0, frames=40, duration_s=2.0, codec="h264",
        pixel_format="yuv420p", rotation=0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("webm", {"codec": "vp9"}),  # its header has no number of frames
        ("mkv", {"codec": "hevc"}),
        ("avi", {"codec": "mpeg4", "duration_s": 2.0}),
        ("vp9_in_mp4", {"codec": "vp9"}),
        ("av1_in_mp4", {"codec": "av1"}),
        ("ten_bit", {"codec": "hevc", "pixel_format": "yuv420p10le"}),
        ("full_range", {"pixel_format": "yuvj420p"}),
        ("portrait", {"width": 64, "height": 96, "rotation": 90}),
        ("upside_down", {"rotation": 180}),
        ("edited", {"frames": 26}),
        ("variable_rate", {"frames": 15}),
        ("three_frames", {"frames": 3}),
    ],
)
def test_probe_of_other_formats(
    name: str, expected: dict[str, object], request: pytest.FixtureRequest
) -> None:
    facts = probe(request.getfixturevalue(name))
    asked = {"frames": 40, "width": 96, "height": 64} | expected
    assert {key: getattr(facts, key) for key in asked} == asked


def test_truncated_file_is_reported(
    index_first: Path, webm: Path, mkv: Path, cut: Callable[[Path], Path]
) -> None:
    for path, promised in ((index_first, "40 frames"), (webm, "2.00 s"), (mkv, "2.00 s")):
        status, reason = damage(cut(path))
        assert status == "cut_short"
        assert promised in reason


def test_frame_count_of_header_is_not_trusted(mp4: Path, patched: Patch) -> None:
    content = mp4.read_bytes()
    # Change the table of frame durations (stts) to 400 frames; players play 40.
    lie = patched(mp4, "more.mp4", content.index(b"stts") + 12, (400).to_bytes(4, "big"))
    found = probe(lie)
    assert "400 frames" in found.note
    assert found == replace(probe(mp4), note=found.note)
    # Change the table of frame sizes (stsz) to end after 20 of 40 frames.
    lie = patched(mp4, "fewer.mp4", content.index(b"stsz") + 12, (20).to_bytes(4, "big"))
    assert damage(lie).status == "cut_short"


def test_probe_all_keeps_order(mp4: Path, webm: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "empty.mp4").touch()
    paths = [mp4, tmp_path / "pipe.mp4", tmp_path / "gone.mp4", tmp_path / "empty.mp4", webm]
    found = list(probe_all(paths))
    assert [found[0], found[4]] == [probe(mp4), probe(webm)]
    assert isinstance(found[2], FileNotFoundError)
    assert [getattr(found[n], "status", None) for n in (1, 3)] == ["not_a_file", "empty"]


def test_clip_bounds(mp4: Path) -> None:
    facts = replace(probe(mp4), width=1920, height=1080, duration_s=10.0)
    ClipBounds(megabytes=1).require_file(mp4)
    ClipBounds(seconds=10, pixels=1920 * 1080).require_video(facts)
    with pytest.raises(InputError, match="MB"):
        ClipBounds(megabytes=0.001).require_file(mp4)
    for bounds, named in ((ClipBounds(seconds=9), "10 s"), (ClipBounds(pixels=9), "1920x1080")):
        with pytest.raises(InputError, match=named):
            bounds.require_video(facts)
