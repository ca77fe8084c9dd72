"""Size and orientation of a frame as it is displayed, from its display matrix as ffmpeg applies it.

Source: `get_rotation` of FFmpeg's fftools/cmdutils.c, and the filters that fftools/ffmpeg_filter.c
inserts for its result. Rotations by multiples of 90 degrees are applied, mirrored or not. For other
angles ffmpeg turns the picture inside the frame, with black corners, and most players do not turn
it at all: such frames are used as stored.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Orientation:
    """What makes a stored frame upright."""

    degrees: int = 0  # clockwise rotation by the display matrix, 0 to 359
    flips_rows: bool = False  # first
    flips_columns: bool = False
    swaps_sides: bool = False  # last: rows become columns

    def apply(self, pixels: Pixels) -> Pixels:
        """(H,W,3) as stored to (H,W,3) or (W,H,3) upright, contiguous."""
        rows, columns = -1 if self.flips_rows else 1, -1 if self.flips_columns else 1
        flipped = pixels[::rows, ::columns]
        upright = flipped.transpose(1, 0, 2) if self.swaps_sides else flipped
        return np.ascontiguousarray(upright)


class FrameShape(NamedTuple):
    """What a frame looks like apart from its pixels; width and height as displayed."""

    width: int
    height: int
    pixel_format: str
    rotation: int  # degrees counter-clockwise, 0 to 359


def shape_of(frame: VideoFrame) -> FrameShape:
    """The shape of a decoded frame."""
    orientation = orientation_of(frame)
    sides = (frame.width, frame.height)
    width, height = sides[::-1] if orientation.swaps_sides else sides
    return FrameShape(width, height, frame.format.name, -orientation.degrees % 360)


def orientation_of(frame: VideoFrame) -> Orientation:
    """The orientation of a decoded frame; without a display matrix it is as stored."""
    side_data: Any = frame.side_data  # PyAV's stubs give it other keys
    if Type.DISPLAYMATRIX not in side_data:
        return Orientation()
    return _orientation_by(np.frombuffer(side_data[Type.DISPLAYMATRIX], np.int32).tolist())


def _orientation_by(matrix: Sequence[int]) -> Orientation:
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
