"""Probing: facts of real files, and a reason for each file that cannot be used."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from vqathinker.video.damage import DamagedVideo, Failure
from vqathinker.video.probe import Probe, probe, probe_all

MakeClip = Callable[..., Path]
Patch = Callable[..., Path]


def damage(path: Path) -> Failure:
    with pytest.raises(DamagedVideo) as caught:
        probe(path)
    assert caught.value.path == path
    assert str(path) not in caught.value.reason
    return caught.value.failure


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


def test_what_the_sets_hold_has_its_facts(
    ten_bit: Path, full_range: Path, vp9_in_mp4: Path, av1_in_mp4: Path, avi: Path
) -> None:
    paths = (ten_bit, full_range, vp9_in_mp4, av1_in_mp4, avi)
    found = [probe(path) for path in paths]
    assert [(facts.codec, facts.pixel_format) for facts in found] == [
        ("hevc", "yuv420p10le"),
        ("h264", "yuvj420p"),
        ("vp9", "yuv420p"),
        ("av1", "yuv420p"),
        ("mpeg4", "yuv420p"),
    ]
    assert {facts.frames for facts in found} == {40}


def test_an_mp4_cut_behind_its_index_says_how_much_is_left(
    index_first: Path, cut: Callable[[Path], Path]
) -> None:
    status, reason = damage(cut(index_first))
    assert status == "cut_short"
    assert "the header promises 40 frames, the file holds" in reason


def test_a_cut_webm_or_mkv_says_how_many_seconds_are_left(
    webm: Path, mkv: Path, cut: Callable[[Path], Path]
) -> None:
    for path in (webm, mkv):
        status, reason = damage(cut(path))
        assert status == "cut_short"
        assert "the header promises 2.00 s, the file holds" in reason


def test_a_number_of_frames_in_a_header_is_compared_and_not_believed(
    mp4: Path, patched: Patch
) -> None:
    """The table of frame durations (stts) is made to speak of 400 frames; players play 40."""
    table = mp4.read_bytes().index(b"stts")
    lie = patched(mp4, "lie.mp4", table + 12, (400).to_bytes(4, "big"))
    assert probe(lie) == replace(probe(mp4), note="its header promises 400 frames")


def test_a_header_that_promises_fewer_frames_than_its_duration_is_found_out(
    mp4: Path, patched: Patch
) -> None:
    """The table of frame sizes (stsz) is made to end after 20 of 40 frames."""
    table = mp4.read_bytes().index(b"stsz")
    lie = patched(mp4, "lie.mp4", table + 12, (20).to_bytes(4, "big"))
    assert damage(lie).status == "cut_short"


def test_a_stream_without_frames_is_damaged(make_clip: MakeClip) -> None:
    assert damage(make_clip("none.mkv", "hevc", "-frames:v", "0")).status in {
        "no_frames",
        "no_container",
        "no_video_stream",
    }


def test_many_files_are_probed_in_order_whatever_some_of_them_are(
    mp4: Path, webm: Path, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "empty.mp4").touch()
    paths = [mp4, tmp_path / "pipe.mp4", tmp_path / "gone.mp4", tmp_path / "empty.mp4", webm]
    found = list(probe_all(paths))
    assert found[0] == probe(mp4)
    assert isinstance(found[1], DamagedVideo)
    assert isinstance(found[2], FileNotFoundError)
    assert isinstance(found[3], DamagedVideo)
    assert found[4] == probe(webm)
    assert (found[1].status, found[3].status) == ("not_a_file", "empty")


def test_a_missing_file_is_not_called_damaged(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such video file"):
        probe(tmp_path / "nothing.mp4")


@pytest.mark.parametrize(
    ("codec", "parts", "joined"),
    [
        ("h264", "ts", "mp4"), ("h264", "ts", "mkv"), ("h264", "ts", "ts"), ("hevc", "ts", "mkv"),
        ("vp8", "webm", "webm"), ("vp9", "webm", "webm"), ("mjpeg", "avi", "avi"),
        ("mpeg2", "mpg", "mpg"),
    ],
)  # fmt: skip
def test_a_size_that_changes_and_changes_back_is_noted(
    make_clip: MakeClip, tmp_path: Path, codec: str, parts: str, joined: str
) -> None:
    pictures = {size: ("-f", "lavfi", "-i", f"testsrc2=size={size}:rate=20:duration=1")
                for size in ("96x64", "64x48")}  # fmt: skip
    name = f"{codec}-{joined}"
    for size, inputs in pictures.items():
        make_clip(f"{name}-{size}.{parts}", codec, inputs=inputs)
    folder = make_clip(f"{name}-list.{parts}", codec).parent
    order = [f"file '{folder}/{name}-{size}.{parts}'" for size in ("96x64", "64x48", "96x64")]
    (tmp_path / "list").write_text("\n".join(order))
    several = ("-f", "concat", "-safe", "0", "-i", str(tmp_path / "list"))
    facts = probe(make_clip(f"{name}.{joined}", "copy", inputs=several))
    assert (facts.width, facts.height) == (96, 64)
    assert "size" in facts.note
    assert "96x64, 64x48" in facts.note


def test_a_pixel_format_that_changes_is_noted(make_clip: MakeClip, tmp_path: Path) -> None:
    other = ("-pix_fmt", "yuv444p")
    plain, full = make_clip("420.ts", "h264"), make_clip("444.ts", "h264", *other)
    path = tmp_path / "both.ts"
    path.write_bytes(plain.read_bytes() + full.read_bytes())
    assert "yuv420p, yuv444p" in probe(path).note
    assert "changes" not in probe(plain).note
