"""Decode the sampled frames of one video.

Departures from the authors' code:
1. Frames are read by PyAV, unless `clips.reader` of params.yaml says decord, as theirs. On 8-bit
   video the two agree bit for bit.
2. Frames are resized by torch on uint8 (antialiased bicubic), not by PIL: at most 1 of 255 apart.
3. A video that cannot be decoded becomes a named failure; the authors skip it without a word.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
import torch.nn.functional as F

from vqathinker.video.disturbance import Disturbance
from vqathinker.video.orientation import Pixels
from vqathinker.video.pyav_reader import FrameTransform, PyavReader
from vqathinker.video.sampling import ClipSetting, frame_indices

if TYPE_CHECKING:
    from vqathinker.params import ReaderName

__all__ = ["Clip", "FrameReader", "decode_clip", "resize"]


class FrameReader(AbstractContextManager["FrameReader"], Protocol):
    """A video that is open for reading, with either reader."""

    frames: int

    def read(
        self, indices: Sequence[int], transform: FrameTransform
    ) -> tuple[list[Pixels], list[float]]:
        """Frames at `indices`, each (H,W,3) RGB passed through `transform`, and their seconds."""


@dataclass(frozen=True, slots=True)
class Clip:
    """The sampled frames of a video.

    Attributes:
        frames: (T,3,S,S) uint8, RGB 0..255, upright.
        indices: T indices of the frames in the video.
        seconds: T times at which they are shown, from the first frame of the video on.
    """

    frames: Pixels
    indices: list[int]
    seconds: list[float]


def decode_clip(
    path: Path, setting: ClipSetting, expected_frames: int, reader: "ReaderName"
) -> Clip:
    """Sample, decode and resize one video.

    Args:
        path: the video.
        setting: T frames of S×S pixels: the aspect ratio is not kept, and a video of fewer than T
            frames repeats some.
        expected_frames: frames of the video, from `video.probe`.
        reader: pyav or decord.

    Raises:
        OSError: nothing is there, or the system does not give it.
        DamagedVideo: as `probe`, or corrupt or wrong_count.
        Disturbance: it shows another number of frames than it did when it was probed.
    """

    def resize_to_setting(pixels: Pixels) -> Pixels:
        return resize(pixels, setting.size)

    with _open_reader(path, reader) as video:
        if video.frames != expected_frames:
            raise Disturbance(
                path,
                f"it shows {video.frames} frames, the manifest says {expected_frames}",
                "make the manifest again, `vqathinker data manifest`",
            )
        indices = frame_indices(video.frames, setting.frames)
        frames, seconds = video.read(indices, resize_to_setting)
    return Clip(np.stack(frames), indices, seconds)


def _open_reader(path: Path, reader: "ReaderName") -> FrameReader:
    if reader == "decord":
        from vqathinker.video.decord_reader import DecordReader  # noqa: PLC0415  not the default

        return DecordReader(path)
    return PyavReader(path)


def resize(pixels: Pixels, size: int) -> Pixels:
    """(H,W,3) to (3,S,S), both uint8: PIL's bicubic within 1 of 255."""
    frame = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None]
    if frame.shape[-2:] != (size, size):
        frame = F.interpolate(frame, size=(size, size), mode="bicubic", antialias=True)
    resized: Pixels = frame[0].contiguous().numpy()
    return resized
