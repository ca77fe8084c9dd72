"""Sample frame indices at segment centres, as the authors do.

Source: docs/method.md, section 2; `get_index` of the authors' training and evaluation code
at ee47a40.
"""

import re
from dataclasses import dataclass

from vqathinker.errors import InputError


@dataclass(frozen=True, slots=True)
class ClipSetting:
    """Shape of all clips in a store: `frames` frames of `size` × `size` pixels."""

    frames: int
    size: int

    def __str__(self) -> str:
        return f"{self.frames}x{self.size}"

    @property
    def clip_bytes(self) -> int:
        """Size of one clip in bytes, as 8-bit RGB."""
        return self.frames * 3 * self.size**2


def parse_setting(name: str) -> ClipSetting:
    """Parse a setting: "6x448" is 6 frames of 448×448 pixels. Raises InputError for anything else.

    >>> parse_setting("12x560")
    ClipSetting(frames=12, size=560)
    """
    match = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", name)
    if match is None:
        raise InputError(
            f"setting {name!r}: expected FRAMESxSIZE, such as 6x448; correct `clips` in params.yaml"
        )
    return ClipSetting(frames=int(match[1]), size=int(match[2]))


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
