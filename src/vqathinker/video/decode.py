"""Decode the sampled frames of one video.

Departures from the authors' code:
1. PyAV reads frames, unless `clips.reader` in params.yaml is decord, the authors' reader. The two
   agree bit for bit on 8-bit video.
2. torch resizes uint8 frames (antialiased bicubic) instead of PIL; they differ by at most 1 of 255.
3. A video that cannot be decoded is recorded as a failure. The authors skip it silently.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

from vqathinker.video.damage import JobError
from vqathinker.video.orientation import Pixels
from vqathinker.video.readers import DecordReader, PyavReader
from vqathinker.video.sampling import ClipSetting, frame_indices

if TYPE_CHECKING:
    from vqathinker.params import ReaderName


@dataclass(frozen=True, slots=True)
class Clip:
    """The sampled frames of a video."""

    frames: Pixels  # (T,3,S,S) uint8, RGB 0..255, upright
    indices: list[int]  # T indices of the frames in the video
    seconds: list[float]  # T presentation times, relative to the first frame of the video


def decode_clip(
    path: Path, setting: ClipSetting, expected_frames: int, reader: "ReaderName"
) -> Clip:
    """Sample, decode and resize one video.

    Args:
        setting: T frames of S×S pixels. The aspect ratio is not preserved. A video with fewer than
            T frames repeats some.
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
        frames, seconds = video.read(indices, partial(resize, size=setting.size))
    return Clip(np.stack(frames), indices, seconds)


def resize(pixels: Pixels, size: int) -> Pixels:
    """Resize (H,W,3) to (3,S,S), both uint8; differs from PIL's bicubic by at most 1 of 255."""
    frame = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None]  # (1,3,H,W)
    if frame.shape[-2:] != (size, size):
        frame = F.interpolate(frame, size=(size, size), mode="bicubic", antialias=True)
    resized: Pixels = frame[0].contiguous().numpy()
    return resized
