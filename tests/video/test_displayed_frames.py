"""Order, number, orientation, stream and times of frames agree with ffmpeg, not with headers.

There is one video per known disagreement; `test_random_videos` combines them.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.video.ffmpeg_reference import ffmpeg_frames, require_same_as_ffmpeg

from vqathinker.video.damage import DamagedVideo
from vqathinker.video.decode import decode_clip
from vqathinker.video.probe import Probe, probe
from vqathinker.video.sampling import ClipSetting

MakeClip = Callable[..., Path]


def check_video(path: Path, has_times: bool = True) -> Probe:
    reference = ffmpeg_frames(path)
    assert reference.frames
    return require_same_as_ffmpeg(path, reference, has_times)


def picture(rate: int, seconds: float, size: str = "96x64") -> tuple[str, ...]:
    return ("-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}:duration={seconds}")


# Packed B-frames: two frames in a packet, the next one empty, wrong presentation times.
PACKED = ("-bf", "2")
PASS = ("-fps_mode", "passthrough", "-vf")
PAUSE = (*PASS, "select='lt(n,20)+eq(n,119)'")
THIRDS = (*PASS, "select=not(mod(n\\,3))", "-enc_time_base", "1/30")


@pytest.mark.parametrize(
    ("name", "codec", "options", "inputs", "facts"),
    [
        ("b.avi", "h264", ("-preset", "medium", "-bf", "3"), picture(30, 8), (240, 8.0)),
        ("dropped.avi", "mpeg4", THIRDS, picture(30, 4), (40, 118 / 30)),
        ("late.mkv", "h264", ("-vf", "setpts=PTS+10/TB"), picture(20, 2), (40, 2.0)),
        ("late.ts", "h264", ("-vf", "setpts=PTS+10/TB"), picture(20, 2), (40, 2.0)),
        ("interlaced.mp4", "h264", ("-flags", "+ilme+ildct"), picture(20, 2), (40, 2.0)),
        ("pause.mp4", "h264", PAUSE, picture(20, 6), (21, 6.0)),
        ("animated.gif", "gif", (), picture(25, 1), (25, 1.0)),
        ("raw.dv", "dv", (), picture(25, 1, "720x576"), (25, 1.0)),
        ("raw.h264", "h264", (), picture(25, 1), (25, 1.0)),
        ("raw.y4m", "raw", (), picture(25, 1), (25, 1.0)),
        ("windows.wmv", "wmv", (), picture(25, 1), (25, 1.0)),
        ("program.mpg", "mpeg2", (), picture(25, 1), (25, 1.0)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_number_and_times_of_frames(name, codec, options, inputs, facts, make_clip) -> None:
    found = check_video(make_clip(f"shown_{name}", codec, *options, inputs=inputs))
    assert found.frames == facts[0]
    assert found.duration_s == pytest.approx(facts[1], abs=0.06)


@pytest.mark.parametrize("reader", ["pyav", "decord"])
def test_packed_b_frames_are_sampled_as_in_ffmpeg(reader: str, make_clip: MakeClip) -> None:
    if reader == "decord":
        pytest.importorskip("decord", reason="decord is built for Linux on x86-64 only")
    path = make_clip(f"{reader}_packed.avi", "xvid", *PACKED, inputs=picture(25, 2, "320x240"))
    reference = ffmpeg_frames(path)
    facts = require_same_as_ffmpeg(path, reference)
    assert (facts.frames, facts.fps, facts.duration_s) == (48, 25.0, pytest.approx(1.92))
    clip = decode_clip(path, ClipSetting(6, 32), facts.frames, reader)
    assert clip.indices == [3, 11, 19, 27, 34, 42]
    assert clip.seconds == pytest.approx([reference.seconds[index] for index in clip.indices])


@pytest.mark.parametrize("codec", ["xvid", "mpeg4", "h264"])
@pytest.mark.parametrize(
    "options",
    [
        ("-frames:v", "1"),
        ("-vf", "setpts=PTS+1/TB"),
        (*PASS, "select=not(mod(n\\,3))"),
        (*PASS, "select=lt(n\\,10)+gt(n\\,30)"),
        (*PASS, "select=lt(n\\,44)+gt(n\\,47)"),
    ],
    ids=["one", "late", "thirds", "gap", "gap at the end"],
)
def test_times_of_avi_with_b_frames_and_gaps(
    codec: str, options: tuple[str, ...], make_clip: MakeClip, request: pytest.FixtureRequest
) -> None:
    name = f"{request.node.callspec.id.replace(' ', '_')}.avi"
    check_video(make_clip(name, codec, *PACKED, *options, inputs=picture(25, 2)))


def test_remuxed_avi(make_clip: MakeClip) -> None:
    whole = make_clip("whole_packed.avi", "xvid", *PACKED)
    check_video(make_clip("packed_end.avi", "copy", inputs=("-ss", "0.7", "-i", str(whole))))
    unpacked = ("-bsf:v", "mpeg4_unpack_bframes")
    check_video(make_clip("unpacked.avi", "copy", *unpacked, inputs=("-i", str(whole))))
    avi = make_clip("order.avi", "h264", "-preset", "medium", "-bf", "3", inputs=picture(30, 2))
    copied = ("-fflags", "+genpts", "-i", str(avi))  # has decoding times as presentation times
    assert check_video(make_clip("order.mkv", "copy", inputs=copied), has_times=False).frames == 60


def test_hidden_reference_frames_are_not_counted(make_clip: MakeClip, tmp_path: Path) -> None:
    log = ("-auto-alt-ref", "1", "-lag-in-frames", "16", "-b:v", "200k")
    for number in ("1", "2"):
        stem = make_clip(f"vp8_{number}.webm", "vp8", *log, "-pass", number, "-passlogfile",
                         str(tmp_path / "log"), inputs=picture(30, 3))  # fmt: skip
    assert check_video(stem).frames == 90


@pytest.mark.parametrize(
    ("dispositions", "size"),
    [(("0", "default"), (96, 64)), (("default", "0"), (64, 48)), (("default",) * 2, (96, 64))],
)
def test_selected_stream(
    dispositions: tuple[str, str], size: tuple[int, int], make_clip: MakeClip
) -> None:
    options = ["-map", "0", "-map", "1"]
    for number, disposition in enumerate(dispositions):
        options += [f"-disposition:v:{number}", disposition]
    inputs = (*picture(20, 1, "64x48"), *picture(20, 2))
    facts = check_video(make_clip(f"{'_'.join(dispositions)}.mkv", "h264", *options, inputs=inputs))
    assert (facts.width, facts.height) == size


@pytest.mark.parametrize("mirror", [(), ("-display_hflip",), ("-display_vflip",)])
@pytest.mark.parametrize("degrees", ["0", "90", "180", "270"])
def test_rotated_and_mirrored(
    degrees: str, mirror: tuple[str, ...], groups: Path, make_clip: MakeClip
) -> None:
    turn = ("-display_rotation", degrees, *mirror, "-i", str(groups))
    facts = check_video(make_clip(f"turned_{degrees}{''.join(mirror)}.mp4", "copy", inputs=turn))
    assert (facts.width, facts.height) == ((64, 96) if degrees in {"90", "270"} else (96, 64))


def test_rotation_by_other_angle_is_noted_but_not_applied(mp4: Path, make_clip: MakeClip) -> None:
    turn = ("-display_rotation", "45", "-i", str(mp4))
    path = make_clip("slanted.mp4", "copy", inputs=turn)
    facts = require_same_as_ffmpeg(path, ffmpeg_frames(path, "-noautorotate"))
    assert (facts.width, facts.height, facts.rotation) == (96, 64, 45)
    assert "315 degrees" in facts.note


def test_frames_removed_by_cut_are_skipped(edited: Path, groups: Path, make_clip: MakeClip) -> None:
    assert check_video(edited).frames == 26
    reference = {frame.tobytes() for frame in ffmpeg_frames(edited).frames}
    assert len(reference) == 26  # all frames differ, so a mix-up would be noticed
    path = make_clip("open.mkv", "copy", inputs=("-ss", "0.7", "-i", str(groups)))
    assert check_video(path).frames < 40


@pytest.mark.parametrize(("order", "restarts"), [((0, 1, 2), 0), ((2, 0, 1), 1), ((1, 1), 1)])
def test_joined_recordings_are_counted_continuously(
    order: tuple[int, ...], restarts: int, make_clip: MakeClip, tmp_path: Path
) -> None:
    """HLS segments of one second each, with a common clock."""
    hls = ("-hls_time", "1", "-hls_segment_filename", str(tmp_path / "segment%d.ts"), "-f", "hls")
    name = f"list{''.join(map(str, order))}.m3u8"
    make_clip(name, "h264", "-g", "20", *hls, inputs=picture(20, 3))
    parts = [(tmp_path / f"segment{number}.ts").read_bytes() for number in order]
    (tmp_path / "joined.ts").write_bytes(b"".join(parts))
    facts = check_video(tmp_path / "joined.ts")
    assert facts.frames == 20 * len(order)
    assert facts.duration_s == pytest.approx(len(order), abs=1e-3)
    assert ("clock is reset" in facts.note) == bool(restarts)


def test_recording_starting_inside_group_is_damaged(make_clip: MakeClip, tmp_path: Path) -> None:
    whole = make_clip("long.ts", "h264", "-g", "20", inputs=picture(20, 4)).read_bytes()
    (tmp_path / "late.ts").write_bytes(whole[188 * (len(whole) // 188 // 6) :])
    with pytest.raises(DamagedVideo) as caught:
        probe(tmp_path / "late.ts")
    assert caught.value.status == "damaged_start"


def test_preallocated_zeros_do_not_end_video(transport: Path, tmp_path: Path) -> None:
    content = transport.read_bytes()
    path = tmp_path / "zeros.ts"
    path.write_bytes(content + bytes(188 * 1000) + content[: len(content) // 188 // 2 * 188])
    assert check_video(path).frames > 40


def test_longer_audio_is_no_truncation(make_clip: MakeClip) -> None:
    sound = ("-f", "lavfi", "-i", "sine=duration=6")
    path = make_clip("sound.wmv", "wmv", "-c:a", "wmav2", inputs=(*picture(25, 1), *sound))
    assert check_video(path).frames == 25


@pytest.mark.parametrize(("codec", "container"), [("h264", "mp4"), ("mpeg2", "mpg")])
def test_changing_frame_size_is_noted(
    codec: str, container: str, make_clip: MakeClip, tmp_path: Path
) -> None:
    parts = {
        size: make_clip(f"{codec}-{size}.ts", codec, inputs=picture(20, 1, size)).read_bytes()
        for size in ("96x64", "64x48")
    }
    (tmp_path / "joined.ts").write_bytes(parts["96x64"] + parts["64x48"] + parts["96x64"])
    inputs = ("-i", str(tmp_path / "joined.ts"))
    facts = probe(make_clip(f"{codec}-joined.{container}", "copy", inputs=inputs))
    assert (facts.width, facts.height) == (96, 64)
    assert "96x64, 64x48" in facts.note
