"""Displayed size and orientation of a frame, from its display matrix, as ffmpeg applies it.

Source: `get_rotation` of FFmpeg's fftools/cmdutils.c, and the filters that fftools/ffmpeg_filter.c
inserts for its result. Rotations by multiples of 90 degrees are applied, with or without mirroring.
For other angles, ffmpeg rotates the picture inside the frame, with black corners, and most players
do not rotate at all: such frames are used as stored.
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
    """Transform from a stored frame to an upright one: flips first, then the transposition."""

    degrees: int = 0  # clockwise rotation by the display matrix, 0 to 359
    flips_rows: bool = False
    flips_columns: bool = False
    swaps_sides: bool = False  # rows become columns

    def apply(self, pixels: Pixels) -> Pixels:
        """Convert (H,W,3) as stored to (H,W,3) or (W,H,3) upright, contiguous."""
        rows, columns = -1 if self.flips_rows else 1, -1 if self.flips_columns else 1
        flipped = pixels[::rows, ::columns]
        upright = flipped.transpose(1, 0, 2) if self.swaps_sides else flipped
        return np.ascontiguousarray(upright)


class FrameShape(NamedTuple):
    """Format of a frame; width and height as displayed."""

    width: int
    height: int
    pixel_format: str
    rotation: int  # degrees counter-clockwise, 0 to 359


def shape_of(frame: VideoFrame) -> FrameShape:
    """Return the format of a decoded frame."""
    orientation = orientation_of(frame)
    sides = (frame.width, frame.height)
    width, height = sides[::-1] if orientation.swaps_sides else sides
    return FrameShape(width, height, frame.format.name, -orientation.degrees % 360)


def orientation_of(frame: VideoFrame) -> Orientation:
    """Return the orientation of a decoded frame; the default without a display matrix."""
    side_data: Any = frame.side_data  # PyAV's type stubs declare other keys
    if Type.DISPLAYMATRIX not in side_data:
        return Orientation()
    return _orientation_from_matrix(np.frombuffer(side_data[Type.DISPLAYMATRIX], np.int32).tolist())


def _orientation_from_matrix(matrix: Sequence[int]) -> Orientation:
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
