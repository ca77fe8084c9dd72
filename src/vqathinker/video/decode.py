"""Decode the sampled frames of one video.

Departures from the authors' code:
1. PyAV reads frames, unless `clips.reader` in params.yaml is decord, the authors' reader. The two
   agree bit for bit on 8-bit video.
2. torch resizes uint8 frames (antialiased bicubic) instead of PIL; they differ by at most 1 of 255.
3. A video that cannot be decoded is recorded as a failure. The authors skip it silently.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vqathinker.video.damage import JobError
from vqathinker.video.readers import DecordReader, PyavReader
from vqathinker.video.sampling import ClipSetting, frame_indices
from vqathinker.video.views import SampledFrames, sample_frames

if TYPE_CHECKING:
    from vqathinker.params import ReaderName


@dataclass(frozen=True, slots=True)
class Clip(SampledFrames):
    """The sampled frames of a video, and their indices in it."""

    indices: list[int]


def decode_clip(
    path: Path, setting: ClipSetting, expected_frames: int, reader: "ReaderName"
) -> Clip:
    """Sample and decode one video.

    Args:
        setting: T frames in one of two views. A video with fewer than T frames repeats some.
        expected_frames: number of frames of the video, from `video.probe`.
        reader: pyav or decord.

    Raises:
        OSError: the file does not exist or cannot be read.
        DamagedVideo: see `probe`; also corrupt or wrong_count.
        JobError: the number of frames has changed since the video was probed.
    """
    with (DecordReader if reader == "decord" else PyavReader)(path) as video:
        if video.frames != expected_frames:
            raise JobError(
                f"{path}: has {video.frames} frames, the manifest says {expected_frames}; recreate "
                "the manifest (`vqathinker data manifest`)"
            )
        indices = frame_indices(video.frames, setting.frames)
        seen = sample_frames(video, indices, setting)
    return Clip(seen.frames, seen.seconds, seen.statistics, indices)
