"""Order, number, orientation, stream and times are those that ffmpeg shows, whatever headers say.

One video for every way in which they are known to disagree; `test_random_videos` mixes them.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.video.shown_by_ffmpeg import require_what_ffmpeg_shows, shown_by_ffmpeg

from vqathinker.video.damage import DamagedVideo
from vqathinker.video.decode import decode_clip
from vqathinker.video.probe import Probe, probe
from vqathinker.video.sampling import ClipSetting

MakeClip = Callable[..., Path]


def agreed(path: Path, has_times: bool = True) -> Probe:
    shown = shown_by_ffmpeg(path)
    assert shown.frames
    return require_what_ffmpeg_shows(path, shown, has_times)


def picture(rate: int, seconds: float, size: str = "96x64") -> tuple[str, ...]:
    return ("-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}:duration={seconds}")


def test_b_frames_where_the_container_stores_no_times_of_showing(make_clip: MakeClip) -> None:
    path = make_clip("b.avi", "h264", "-preset", "medium", "-bf", "3", inputs=picture(30, 8))
    facts = agreed(path)
    assert (facts.frames, facts.duration_s) == (240, 8.0)


# Two frames in a packet, and an empty one in the next: the encoder's times of showing are wrong.
PACKED = ("-bf", "2")
LEFT_OUT = ("-fps_mode", "passthrough", "-vf")


@pytest.mark.parametrize("reader", ["pyav", "decord"])
def test_packed_b_frames_are_sampled_as_ffmpeg_shows_them(reader: str, make_clip: MakeClip) -> None:
    if reader == "decord":
        pytest.importorskip("decord", reason="decord is built for Linux on x86-64 only")
    path = make_clip(f"{reader}_packed.avi", "xvid", *PACKED, inputs=picture(25, 2, "320x240"))
    shown = shown_by_ffmpeg(path)
    facts = require_what_ffmpeg_shows(path, shown)
    assert (facts.frames, facts.fps, facts.duration_s) == (48, 25.0, pytest.approx(1.92))
    clip = decode_clip(path, ClipSetting(6, 32), facts.frames, reader)
    assert clip.indices == [3, 11, 19, 27, 34, 42]
    assert clip.seconds == pytest.approx([shown.seconds[index] for index in clip.indices])


@pytest.mark.parametrize("codec", ["xvid", "mpeg4", "h264"])
@pytest.mark.parametrize(
    "options",
    [
        ("-frames:v", "5"),
        ("-frames:v", "1"),
        ("-vf", "setpts=PTS+1/TB"),
        (*LEFT_OUT, "select=not(mod(n\\,3))"),
        (*LEFT_OUT, "select=lt(n\\,10)+gt(n\\,30)"),
        (*LEFT_OUT, "select=lt(n\\,44)+gt(n\\,47)"),
    ],
    ids=["five", "one", "late", "thirds", "gap", "gap at the end"],
)
def test_times_in_an_avi_with_b_frames_and_gaps(
    codec: str, options: tuple[str, ...], make_clip: MakeClip, request: pytest.FixtureRequest
) -> None:
    name = f"{request.node.callspec.id.replace(' ', '_')}.avi"
    agreed(make_clip(name, codec, *PACKED, *options, inputs=picture(25, 2)))


def test_a_part_of_an_avi_with_packed_b_frames(make_clip: MakeClip) -> None:
    whole = make_clip("whole_packed.avi", "xvid", *PACKED)
    agreed(make_clip("packed_end.avi", "copy", inputs=("-ss", "0.7", "-i", str(whole))))
    agreed(make_clip("packed_start.avi", "copy", "-t", "1", inputs=("-i", str(whole))))
    unpacked = ("-bsf:v", "mpeg4_unpack_bframes")
    agreed(make_clip("unpacked.avi", "copy", *unpacked, inputs=("-i", str(whole))))


def test_pictures_that_are_never_shown_are_not_counted(make_clip: MakeClip, tmp_path: Path) -> None:
    log = ("-auto-alt-ref", "1", "-lag-in-frames", "16", "-b:v", "200k")
    for number in ("1", "2"):
        stem = make_clip(f"vp8_{number}.webm", "vp8", *log, "-pass", number, "-passlogfile",
                         str(tmp_path / "log"), inputs=picture(30, 6))  # fmt: skip
    assert agreed(stem).frames == 180


def test_frames_that_an_avi_leaves_out_are_promised_and_not_missed(make_clip: MakeClip) -> None:
    third = ("-vf", "select=not(mod(n\\,3))", "-fps_mode", "passthrough", "-enc_time_base", "1/30")
    facts = agreed(make_clip("dropped.avi", "mpeg4", *third, inputs=picture(30, 4)))
    assert (facts.frames, facts.note) == (40, "its header promises 118 frames")
    assert facts.duration_s == pytest.approx(118 / 30, abs=1e-3)


@pytest.mark.parametrize(
    ("dispositions", "size"),
    [
        (("0", "default"), (96, 64)),
        (("default", "0"), (64, 48)),
        (("default", "default"), (96, 64)),
    ],
)
def test_of_several_streams_the_one_that_players_take(
    dispositions: tuple[str, str], size: tuple[int, int], make_clip: MakeClip
) -> None:
    options = ["-map", "0", "-map", "1"]
    for number, disposition in enumerate(dispositions):
        options += [f"-disposition:v:{number}", disposition]
    inputs = (*picture(20, 1, "64x48"), *picture(20, 2))
    facts = agreed(make_clip(f"{'_'.join(dispositions)}.mkv", "h264", *options, inputs=inputs))
    assert (facts.width, facts.height) == size


@pytest.mark.parametrize("mirror", [(), ("-display_hflip",), ("-display_vflip",)])
@pytest.mark.parametrize("degrees", ["0", "90", "180", "270"])
def test_turned_and_mirrored(
    degrees: str, mirror: tuple[str, ...], groups: Path, make_clip: MakeClip
) -> None:
    turn = ("-display_rotation", degrees, *mirror, "-i", str(groups))
    facts = agreed(make_clip(f"turned_{degrees}{''.join(mirror)}.mp4", "copy", inputs=turn))
    assert (facts.width, facts.height) == ((64, 96) if degrees in {"90", "270"} else (96, 64))


def test_a_turn_by_another_angle_is_not_applied_and_told(mp4: Path, make_clip: MakeClip) -> None:
    turn = ("-display_rotation", "45", "-i", str(mp4))
    path = make_clip("slanted.mp4", "copy", inputs=turn)
    facts = require_what_ffmpeg_shows(path, shown_by_ffmpeg(path, "-noautorotate"))
    assert (facts.width, facts.height, facts.rotation) == (96, 64, 45)
    assert "clockwise by 315 degrees" in facts.note
    assert "taken as it is stored" in facts.note


@pytest.mark.parametrize("container", ["mkv", "mp4", "ts"])
def test_a_clock_that_does_not_begin_at_zero(container: str, make_clip: MakeClip) -> None:
    late = ("-vf", "setpts=PTS+10/TB")
    facts = agreed(make_clip(f"late.{container}", "h264", *late))
    assert (facts.frames, facts.duration_s, facts.fps) == (40, 2.0, 20.0)


def test_hidden_frames_before_a_cut(edited: Path) -> None:
    assert agreed(edited).frames == 26


def test_pictures_that_lead_a_cut_open_group_are_left_out_as_players_do(
    groups: Path, make_clip: MakeClip
) -> None:
    path = make_clip("open.mkv", "copy", inputs=("-ss", "0.7", "-i", str(groups)))
    assert agreed(path).frames < 40


@pytest.fixture
def segments(make_clip: MakeClip, tmp_path: Path) -> list[bytes]:
    """Three recordings of one second each, as HLS has them: with one clock."""
    path = tmp_path / "segment%d.ts"
    make_clip("list.m3u8", "h264", "-g", "20", "-hls_time", "1", "-hls_segment_filename",
              str(path), "-f", "hls", inputs=picture(20, 3))  # fmt: skip
    return [(tmp_path / f"segment{number}.ts").read_bytes() for number in range(3)]


@pytest.mark.parametrize(("order", "restarts"), [((0, 1, 2), 0), ((2, 0, 1), 1), ((1, 1), 1)])
def test_joined_recordings_are_counted_on_and_no_damage(
    order: tuple[int, ...], restarts: int, segments: list[bytes], tmp_path: Path
) -> None:
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join(segments[number] for number in order))
    facts = agreed(path)
    assert facts.frames == 20 * len(order)
    assert facts.duration_s == pytest.approx(len(order), abs=1e-3)
    assert ("clock starts again" in facts.note) == bool(restarts)


def test_recordings_of_other_sizes_that_are_joined_are_all_shown(
    make_clip: MakeClip, transport: Path, tmp_path: Path
) -> None:
    other = make_clip("other.ts", "h264", inputs=picture(20, 1, "128x96"))
    (tmp_path / "sizes.ts").write_bytes(transport.read_bytes() + other.read_bytes())
    facts = probe(tmp_path / "sizes.ts")
    assert (facts.frames, facts.width, facts.height) == (60, 96, 64)
    assert len(shown_by_ffmpeg(tmp_path / "sizes.ts").frames) == 60


def test_a_recording_that_begins_inside_a_group_is_damaged_at_its_start(
    make_clip: MakeClip, tmp_path: Path
) -> None:
    whole = make_clip("long.ts", "h264", "-g", "20", inputs=picture(20, 4)).read_bytes()
    packets = len(whole) // 188
    (tmp_path / "late.ts").write_bytes(whole[188 * (packets // 6) :])
    assert 0 < len(shown_by_ffmpeg(tmp_path / "late.ts").frames) < 80
    with pytest.raises(DamagedVideo) as caught:
        probe(tmp_path / "late.ts")
    assert caught.value.status == "damaged_start"
    assert caught.value.reason == "damaged at its start: it begins inside a group of pictures"


@pytest.mark.parametrize(
    ("name", "codec", "size"),
    [
        ("animated.gif", "gif", "96x64"),
        ("raw.dv", "dv", "720x576"),
        ("raw.h264", "h264", "96x64"),
        ("raw.y4m", "raw", "96x64"),
        ("windows.wmv", "wmv", "96x64"),
        ("program.mpg", "mpeg2", "96x64"),
    ],
)
def test_other_containers_are_read(name: str, codec: str, size: str, make_clip: MakeClip) -> None:
    facts = agreed(make_clip(name, codec, inputs=picture(25, 1, size)))
    assert (facts.frames, facts.duration_s, facts.fps) == (25, 1.0, 25.0)


def test_a_copy_out_of_an_avi_has_times_of_decoding(make_clip: MakeClip) -> None:
    reordered = ("-preset", "medium", "-bf", "3")
    avi = make_clip("reordered.avi", "h264", *reordered, inputs=picture(30, 2))
    copied = ("-fflags", "+genpts", "-i", str(avi))
    path = make_clip("reordered.mkv", "copy", inputs=copied)
    assert agreed(path, has_times=False).frames == 60


def test_zeros_that_a_recorder_wrote_ahead_are_no_end(transport: Path, tmp_path: Path) -> None:
    content = transport.read_bytes()
    middle = len(content) // 188 // 2 * 188
    path = tmp_path / "zeros.ts"
    path.write_bytes(content + bytes(188 * 1000) + content[:middle])
    assert len(shown_by_ffmpeg(path).frames) > 40
    assert agreed(path).frames > 40


def test_sound_that_is_longer_promises_no_pictures(make_clip: MakeClip) -> None:
    sound = ("-f", "lavfi", "-i", "sine=duration=6")
    path = make_clip("sound.wmv", "wmv", "-c:a", "wmav2", inputs=(*picture(25, 1), *sound))
    assert agreed(path).frames == 25


def test_interlaced_frames_are_converted_as_others(make_clip: MakeClip) -> None:
    agreed(make_clip("interlaced.mp4", "h264", "-flags", "+ilme+ildct"))


def test_a_long_pause_is_part_of_a_video(make_clip: MakeClip) -> None:
    pause = ("-vf", "select='lt(n,20)+eq(n,119)'", "-fps_mode", "passthrough")
    facts = agreed(make_clip("pause.mp4", "h264", *pause, inputs=picture(20, 6)))
    assert facts.frames == 21
    assert facts.duration_s == pytest.approx(6, abs=0.06)
    assert facts.fps == pytest.approx(21 / facts.duration_s)


def test_what_ffmpeg_shows_moves(mp4: Path) -> None:
    """Else two frames could be mistaken for each other and nobody would notice."""
    frames = shown_by_ffmpeg(mp4).frames
    assert len({frame.tobytes() for frame in frames}) == len(frames) == 40
    assert np.stack(frames).shape == (40, 64, 96, 3)
