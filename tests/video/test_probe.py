"""Probing: facts of real files, and a reason for each file that cannot be used."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from vqathinker.video.probe import DamagedVideo, Probe, probe


def damage(path: Path) -> str:
    with pytest.raises(DamagedVideo) as caught:
        probe(path)
    assert caught.value.path == path
    assert str(path) not in caught.value.reason
    return caught.value.reason


def test_facts_of_an_mp4(mp4: Path) -> None:
    assert probe(mp4) == Probe(
        width=96, height=64, fps=20.0, frames=40, duration_s=2.0, codec="h264",
        pixel_format="yuv420p", rotation=0,
    )  # fmt: skip


def test_frames_are_counted_where_the_header_does_not_say(webm: Path, mkv: Path) -> None:
    assert [(probe(path).frames, probe(path).codec) for path in (webm, mkv)] == [
        (40, "vp9"),
        (40, "hevc"),
    ]


def test_a_rotated_video_has_the_size_it_is_shown_in(portrait: Path, upside_down: Path) -> None:
    facts = probe(portrait)
    assert (facts.width, facts.height, facts.rotation) == (64, 96, 90)
    facts = probe(upside_down)
    assert (facts.width, facts.height, facts.rotation) == (96, 64, 180)


def test_hidden_frames_are_not_counted(edited: Path) -> None:
    assert probe(edited).frames == 26


def test_variable_rate_counts_real_frames(variable_rate: Path) -> None:
    assert probe(variable_rate).frames == 15


def test_a_short_video_is_no_damage(three_frames: Path) -> None:
    assert probe(three_frames).frames == 3


def test_an_mp4_cut_behind_its_index_says_how_much_is_left(
    index_first: Path, cut: Callable[[Path], Path]
) -> None:
    assert "cut short: the header promises 40 frames, the file holds" in damage(cut(index_first))


def test_an_mp4_cut_before_its_index_has_a_damaged_header(
    mp4: Path, cut: Callable[[Path], Path]
) -> None:
    assert "header is damaged" in damage(cut(mp4))


def test_a_cut_webm_or_mkv_says_how_many_seconds_are_left(
    webm: Path, mkv: Path, cut: Callable[[Path], Path]
) -> None:
    for path in (webm, mkv):
        assert "cut short: the header promises 2.00 s, the file holds" in damage(cut(path))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file (0 bytes)"),
        (b"dear diary, this is no video\n" * 40, "no video container"),
        (bytes(range(256)) * 20, "no video container"),
    ],
    ids=["empty", "text", "garbage"],
)
def test_a_file_that_is_no_video_says_so(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    assert reason in damage(path)


def test_audio_alone_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    assert damage(path) == "no video stream in the file"


def test_a_folder_is_no_video(tmp_path: Path) -> None:
    assert damage(tmp_path) == "not a regular file"


def test_a_missing_file_is_not_called_damaged(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such video file"):
        probe(tmp_path / "nothing.mp4")
