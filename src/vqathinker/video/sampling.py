"""Clip settings, and frame indices at segment centres, as the authors sample them.

Source: docs/method.md, section 2; `get_index` of the authors' training and evaluation code
at ee47a40.
"""

import re
from dataclasses import dataclass

from vqathinker.choices import SETTING_PATTERN
from vqathinker.errors import InputError


@dataclass(frozen=True, slots=True)
class ClipSetting:
    """How a clip is seen: `frames` frames, in one of two views.

    View *resize* (`tiles` is 0) resizes a frame to `size` × `size` pixels, as the authors do. View
    *tiles* cuts as many squares of `size` × `size` pixels from the native frame, and lays them side
    by side.
    """

    frames: int
    size: int
    tiles: int = 0

    def __str__(self) -> str:
        return f"{self.frames}x{self.size}" + (f"-tiles{self.tiles}" if self.tiles else "")

    @property
    def width(self) -> int:
        """Width of a stored frame in pixels; its height is `size`."""
        return self.size * max(1, self.tiles)

    @property
    def clip_bytes(self) -> int:
        """Size of one clip in bytes, as 8-bit RGB."""
        return self.frames * 3 * self.size * self.width


def parse_setting(name: str) -> ClipSetting:
    """Parse a setting: 6x448, or 6x112-tiles4. Raises InputError for anything else.

    >>> parse_setting("12x560")
    ClipSetting(frames=12, size=560, tiles=0)
    """
    if not re.fullmatch(SETTING_PATTERN, name, re.ASCII):
        raise InputError(
            f"setting {name!r}: expected FRAMESxSIZE or FRAMESxSIZE-tilesNUMBER, such as 6x448 or "
            "6x112-tiles4; correct `clips` in params.yaml"
        )
    frames, size, tiles = (*map(int, re.findall(r"\d+", name)), 0)[:3]
    return ClipSetting(frames, size, tiles)


def frame_indices(num_frames: int, num_segments: int) -> list[int]:
    """Sample `num_segments` frame indices from a video of `num_frames` frames.

    With s = (num_frames - 1) / num_segments, index i is int(s / 2 + round(s · i)), rounding halves
    to even. Indices do not decrease and are within 0..num_frames-1. A video with fewer than
    `num_segments` frames repeats some. Raises InputError if either number is below 1.

    >>> frame_indices(240, 6)
    [19, 59, 99, 139, 178, 218]
    """
    if num_frames < 1 or num_segments < 1:
        raise InputError(
            f"cannot sample {num_segments} of {num_frames} frames: both numbers must be at least 1"
        )
    segment = (num_frames - 1) / num_segments
    return [int(segment / 2 + round(segment * i)) for i in range(num_segments)]
