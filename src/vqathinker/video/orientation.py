"""How a frame is turned and mirrored to be upright: its display matrix, as ffmpeg applies it.

Source: `get_rotation` of FFmpeg's fftools/cmdutils.c, and the filters that fftools/ffmpeg_filter.c
inserts for its result. Multiples of 90 degrees are applied, mirrored or not. By other angles ffmpeg
turns the picture inside the frame, with black corners, and most players do not turn it at all: such
frames are taken as they are stored.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame

__all__ = ["Orientation", "Pixels", "orientation_by", "orientation_of"]

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Orientation:
    """What makes a stored frame upright.

    Attributes:
        degrees: that the display matrix turns the frame clockwise, 0 to 359.
        flips_rows: upside down, before anything else.
        flips_columns: left becomes right, before rows and columns are exchanged.
        swaps_sides: rows become columns.
    """

    degrees: int = 0
    flips_rows: bool = False
    flips_columns: bool = False
    swaps_sides: bool = False

    @property
    def is_applied(self) -> bool:
        """Whether the frame comes out as its matrix wants it."""
        return self.degrees % 90 == 0

    @property
    def mirrors(self) -> bool:
        """Whether it is more than a turn."""
        return self.flips_rows ^ self.flips_columns ^ self.swaps_sides

    def apply(self, pixels: Pixels) -> Pixels:
        """(H,W,3) as stored to (H,W,3) or (W,H,3) upright, contiguous."""
        rows, columns = -1 if self.flips_rows else 1, -1 if self.flips_columns else 1
        flipped = pixels[::rows, ::columns]
        upright = flipped.transpose(1, 0, 2) if self.swaps_sides else flipped
        return np.ascontiguousarray(upright)


def orientation_of(frame: VideoFrame) -> Orientation:
    """The orientation of a decoded frame; without a display matrix it is as stored."""
    side_data: Any = frame.side_data  # PyAV's stubs call it a dictionary of other keys
    if Type.DISPLAYMATRIX not in side_data:
        return Orientation()
    return orientation_by(np.frombuffer(side_data[Type.DISPLAYMATRIX], np.int32).tolist())


def orientation_by(matrix: Sequence[int]) -> Orientation:
    """The orientation by the nine numbers of a display matrix."""
    a, b, _, c, d, *_ = matrix
    width, height = math.hypot(a, c), math.hypot(b, d)
    if not width or not height:
        return Orientation()
    degrees = round(math.degrees(math.atan2(b / height, a / width))) % 360
    match degrees:
        case 0:
            return Orientation(0, flips_rows=d < 0)
        case 90:
            return Orientation(90, flips_rows=c <= 0, swaps_sides=True)
        case 180:
            return Orientation(180, flips_rows=d < 0, flips_columns=a < 0)
        case 270:
            return Orientation(270, flips_rows=c < 0, flips_columns=True, swaps_sides=True)
    return Orientation(degrees)
