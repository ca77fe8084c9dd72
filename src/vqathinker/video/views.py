"""What a policy sees of the sampled frames: each resized, or tiles of it at native resolution.

View *resize* is the authors': it does not preserve the aspect ratio. In view *tiles*, a frame is a
strip of crops side by side, with its native pixels, as quality is lost by shrinking. The statistics
of the whole native frame come with them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from vqathinker.video.orientation import Pixels
from vqathinker.video.readers import FrameTransform
from vqathinker.video.sampling import ClipSetting
from vqathinker.video.statistics import frame_statistics, join_statistics, repeat_statistics

T = TypeVar("T")
_FOLLOWING = 4  # native frames after each sampled one whose changes are measured
_SHRINK = 4  # px per side that become one for this


class FrameReader(Protocol):
    """A video from which frames are read by index."""

    frames: int

    def read(
        self, indices: Sequence[int], transform: FrameTransform[T]
    ) -> tuple[list[T], list[float]]:
        """Read frames, apply `transform`, and return the results and their times in seconds."""


@dataclass(frozen=True, slots=True)
class SampledFrames:
    """Sampled frames of a video, in the view of a setting."""

    frames: Pixels  # (T,3,size,width) uint8, RGB 0..255, upright
    seconds: list[float]  # T presentation times, relative to the first frame of the video
    statistics: npt.NDArray[np.float32] | None  # (T,STATISTICS) of view tiles


def sample_frames(
    reader: FrameReader, indices: Sequence[int], setting: ClipSetting
) -> SampledFrames:
    """Read the frames at `indices`. Raises the errors of the reader."""
    if not setting.tiles:
        resized, seconds = reader.read(indices, lambda _, pixels: resize(pixels, setting.size))
        return SampledFrames(np.stack(resized), seconds, None)
    starts = [max(0, min(index, reader.frames - 1 - _FOLLOWING)) for index in indices]
    windows = [range(start, min(reader.frames, start + _FOLLOWING + 1)) for start in starts]
    wanted = sorted(set(indices).union(*windows))
    strips: dict[int, Pixels] = {}
    spatial: dict[int, torch.Tensor] = {}

    def see(index: int, pixels: Pixels) -> torch.Tensor:
        """A small frame of grey levels; tiles and statistics of sampled frames are kept, too."""
        frame = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
        if index in indices:
            strips[index] = cut_tiles(pixels, setting)
            spatial[index] = frame_statistics(frame[None])[0]
        return F.avg_pool2d(frame.float().mean(0, keepdim=True), _SHRINK, ceil_mode=True)[0]

    small, times = reader.read(wanted, see)
    grey_of = dict(zip(wanted, small, strict=True))
    time_of = dict(zip(wanted, times, strict=True))
    temporal = []
    for index, window in zip(indices, windows, strict=True):
        # The size of frames may change within a video.
        alike = [i for i in window if grey_of[i].shape == grey_of[index].shape]
        grey, seconds = [grey_of[i] for i in alike], [time_of[i] for i in alike]
        temporal.append(repeat_statistics(torch.stack(grey), seconds))
    statistics = join_statistics(torch.stack([spatial[i] for i in indices]), torch.stack(temporal))
    return SampledFrames(
        np.stack([strips[i] for i in indices]), [time_of[i] for i in indices], statistics.numpy()
    )


def resize(pixels: Pixels, size: int) -> Pixels:
    """Resize (H,W,3) to (3,S,S), both uint8; differs from PIL's bicubic by at most 1 of 255."""
    frame = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None]  # (1,3,H,W)
    if frame.shape[-2:] != (size, size):
        frame = F.interpolate(frame, size=(size, size), mode="bicubic", antialias=True)
    resized: Pixels = frame[0].contiguous().numpy()
    return resized


def cut_tiles(pixels: Pixels, setting: ClipSetting) -> Pixels:
    """Cut (H,W,3) into a strip (3,size,tiles·size), both uint8, at `tile_corners`.

    A frame that is smaller than a tile is continued by reflection.
    """
    size = setting.size
    missing = [max(0, size - side) for side in pixels.shape[:2]]
    padded = np.pad(pixels, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="symmetric")
    corners = tile_corners(padded.shape[0], padded.shape[1], setting)
    tiles = [padded[top : top + size, left : left + size] for top, left in corners]
    return np.ascontiguousarray(np.concatenate(tiles, axis=1).transpose(2, 0, 1))


def tile_corners(height: int, width: int, setting: ClipSetting) -> list[tuple[int, int]]:
    """Top and left edge of each tile: one at random in each cell of a grid.

    Only the size of the frame determines them: all frames of a video, and other versions of it, are
    seen at the same places. The grid is the one whose cells are closest to squares.
    """
    shapes = [
        (rows, setting.tiles // rows)
        for rows in range(1, setting.tiles + 1)
        if setting.tiles % rows == 0
    ]
    rows, columns = min(
        shapes, key=lambda shape: abs(np.log(height / shape[0] / (width / shape[1])))
    )
    rng = np.random.Generator(np.random.PCG64([height, width]))
    return [
        (
            _draw_edge(height, setting.size, row, rows, rng),
            _draw_edge(width, setting.size, column, columns, rng),
        )
        for row in range(rows)
        for column in range(columns)
    ]


def _draw_edge(side: int, size: int, cell: int, cells: int, rng: np.random.Generator) -> int:
    """First pixel of a tile within its cell; where the cell is smaller, the tile is centred."""
    first, last = side * cell / cells, side * (cell + 1) / cells - size
    edge = rng.uniform(first, last) if first < last else (first + last) / 2
    return int(min(max(0, round(edge)), side - size))
