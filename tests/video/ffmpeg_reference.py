"""Frames and times of a video according to the ffmpeg program, as a reference."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from vqathinker.video.decode import decode_clip
from vqathinker.video.ffmpeg import ffmpeg_binary
from vqathinker.video.orientation import Pixels
from vqathinker.video.probe import Probe, probe
from vqathinker.video.readers import PyavReader
from vqathinker.video.sampling import ClipSetting, frame_indices
from vqathinker.video.views import resize


@dataclass(frozen=True)
class FfmpegFrames:
    """Output of ffmpeg's decoder."""

    frames: list[Pixels]  # (H,W,3) RGB, upright
    seconds: list[float]  # relative to the first frame
    lengths: list[float]  # duration of each frame in s; NaN if unknown


def ffmpeg_frames(path: Path, *input_options: str) -> FfmpegFrames:
    """All frames that ffmpeg displays, in order; may be empty."""
    done = subprocess.run(
        [ffmpeg_binary(), "-nostdin", "-nostats", "-hide_banner", "-copyts", *input_options,
         "-i", str(path), "-an", "-sn", "-dn", "-vf", "showinfo=checksum=0",
         "-fps_mode", "passthrough", "-sws_flags", "neighbor", "-pix_fmt", "rgb24",
         "-f", "image2pipe", "-c:v", "ppm", "-"],
        capture_output=True, check=False,
    )  # fmt: skip
    log = done.stderr.decode(errors="replace")
    times = _numbers(r"^\[\S*showinfo.* pts_time:\s*(\S+)", log)
    lengths = _numbers(r"^\[\S*showinfo.* duration_time:\s*(\S+)", log)
    return FfmpegFrames(_pictures(done.stdout), [time - times[0] for time in times], lengths)


def _numbers(pattern: str, text: str) -> list[float]:
    found = re.findall(pattern, text, re.MULTILINE)
    return [
        float(number) if number[0].isdigit() or number[0] == "-" else np.nan for number in found
    ]


def _pictures(stream: bytes) -> list[Pixels]:
    """Split a stream of binary PPM files into pictures."""
    header, pictures, at = re.compile(rb"P6\s(\d+) (\d+)\s255\s"), [], 0
    while found := header.match(stream, at):
        width, height, start = int(found[1]), int(found[2]), found.end()
        at = start + width * height * 3
        pictures.append(np.frombuffer(stream[start:at], np.uint8).reshape(height, width, 3).copy())
    return pictures


def require_same_as_ffmpeg(path: Path, reference: FfmpegFrames, has_times: bool = True) -> Probe:
    """Require that probe, reader and clips of both settings agree with ffmpeg.

    If the file has no times (`has_times`), ffmpeg estimates them, and they are not compared.
    """
    facts = probe(path)
    height, width, _ = reference.frames[0].shape
    assert (facts.frames, facts.width, facts.height) == (len(reference.frames), width, height)
    with PyavReader(path) as video:
        frames, seconds = video.read(list(range(video.frames)), lambda _, frame: np.copy(frame))
    assert len(frames) == len(reference.frames)
    for number, (frame, expected) in enumerate(zip(frames, reference.frames, strict=True)):
        np.testing.assert_array_equal(frame, expected, err_msg=f"frame {number}")
    for count in (6, 12):
        clip = decode_clip(path, ClipSetting(count, 32), facts.frames, "pyav")
        assert clip.indices == frame_indices(len(reference.frames), count)
        assert clip.seconds == [seconds[index] for index in clip.indices]
        expected = np.stack([resize(reference.frames[index], 32) for index in clip.indices])
        np.testing.assert_array_equal(clip.frames, expected)
    assert (np.diff(seconds) >= 0).all()
    assert seconds[-1] < facts.duration_s
    if has_times and (np.diff(reference.seconds) > 0).all():  # one clock
        assert seconds == pytest.approx(reference.seconds, abs=2e-3)
        if reference.lengths[-1] > 0:
            assert facts.duration_s == pytest.approx(seconds[-1] + reference.lengths[-1], abs=2e-3)
    assert abs(facts.fps * facts.duration_s - facts.frames) <= 0.5 + 1e-6 * facts.frames
    return facts
