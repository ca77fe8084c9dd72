"""What the ffmpeg program shows of a video, and that this project shows the same."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from vqathinker.video.decode import decode_clip, resize
from vqathinker.video.ffmpeg import ffmpeg_binary
from vqathinker.video.orientation import Pixels
from vqathinker.video.probe import Probe, probe
from vqathinker.video.readers import PyavReader
from vqathinker.video.sampling import ClipSetting, frame_indices


@dataclass(frozen=True)
class ShownByFfmpeg:
    """What comes out of ffmpeg's decoder."""

    frames: list[Pixels]  # (H,W,3) RGB, upright
    seconds: list[float]  # from the first frame on
    lengths: list[float]  # seconds that each frame is shown; NaN where nothing says so


def shown_by_ffmpeg(path: Path, *input_options: str) -> ShownByFfmpeg:
    """Every frame that ffmpeg shows, in its order; none where it shows nothing."""
    done = subprocess.run(
        [ffmpeg_binary(), "-nostdin", "-nostats", "-hide_banner", "-copyts", *input_options,
         "-i", str(path), "-an", "-sn", "-dn", "-vf", "showinfo=checksum=0",
         "-fps_mode", "passthrough", "-sws_flags", "neighbor", "-pix_fmt", "rgb24",
         "-f", "image2pipe", "-c:v", "ppm", "-"],
        capture_output=True, check=False,
    )  # fmt: skip
    said = done.stderr.decode(errors="replace")
    times = _numbers(r"^\[\S*showinfo.* pts_time:\s*(\S+)", said)
    lengths = _numbers(r"^\[\S*showinfo.* duration_time:\s*(\S+)", said)
    return ShownByFfmpeg(_pictures(done.stdout), [time - times[0] for time in times], lengths)


def _numbers(pattern: str, text: str) -> list[float]:
    found = re.findall(pattern, text, re.MULTILINE)
    return [
        float(number) if number[0].isdigit() or number[0] == "-" else np.nan for number in found
    ]


def _pictures(stream: bytes) -> list[Pixels]:
    """The pictures of a stream of binary PPM files."""
    header, pictures, at = re.compile(rb"P6\s(\d+) (\d+)\s255\s"), [], 0
    while found := header.match(stream, at):
        width, height, start = int(found[1]), int(found[2]), found.end()
        at = start + width * height * 3
        pictures.append(np.frombuffer(stream[start:at], np.uint8).reshape(height, width, 3).copy())
    return pictures


def require_what_ffmpeg_shows(path: Path, shown: ShownByFfmpeg, has_times: bool = True) -> Probe:
    """Manifest, reader and the clips of both settings agree with ffmpeg, and so with each other.

    Without times in the file (`has_times`), ffmpeg guesses when its frames are shown.
    """
    facts = probe(path)
    height, width, _ = shown.frames[0].shape
    assert (facts.frames, facts.width, facts.height) == (len(shown.frames), width, height)
    with PyavReader(path) as video:
        frames, seconds = video.read(list(range(video.frames)), np.copy)
    assert len(frames) == len(shown.frames)
    for number, (frame, expected) in enumerate(zip(frames, shown.frames, strict=True)):
        np.testing.assert_array_equal(frame, expected, err_msg=f"frame {number}")
    for count in (6, 12):
        clip = decode_clip(path, ClipSetting(count, 32), facts.frames, "pyav")
        assert clip.indices == frame_indices(len(shown.frames), count)
        assert clip.seconds == [seconds[index] for index in clip.indices]
        expected = np.stack([resize(shown.frames[index], 32) for index in clip.indices])
        np.testing.assert_array_equal(clip.frames, expected)
    assert (np.diff(seconds) >= 0).all()
    assert seconds[-1] < facts.duration_s
    if has_times and (np.diff(shown.seconds) > 0).all():  # one clock
        assert seconds == pytest.approx(shown.seconds, abs=2e-3)
        if shown.lengths[-1] > 0:
            assert facts.duration_s == pytest.approx(seconds[-1] + shown.lengths[-1], abs=2e-3)
    assert abs(facts.fps * facts.duration_s - facts.frames) <= 0.5 + 1e-6 * facts.frames
    return facts
