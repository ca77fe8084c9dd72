"""The default reader of frames, PyAV: decodes the packets that the wanted frames need, no others.

Which frames there are, `shown_frames` says. Where the packets do not tell, or what they promise
does not come out of the decoder, everything is decoded from the start instead. Measured
(benchmarks/decode.py): no other reader here is as fast or notices as much damage. A few flipped
bytes may pass every decoder, for video streams hold no checksums; damage of a tenth of a file was
noticed each time.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import av.error
import numpy as np
from av.video.frame import VideoFrame

from vqathinker.video.container import open_video
from vqathinker.video.damage import DamagedVideo
from vqathinker.video.every_frame import decode_every_frame
from vqathinker.video.orientation import Pixels, orientation_of
from vqathinker.video.packet_ranges import PacketMismatchError, decode_ranges, plan_packet_ranges
from vqathinker.video.shown_frames import find_shown_frames

__all__ = ["FrameTransform", "PyavReader"]

FrameTransform = Callable[[Pixels], Pixels]


class PyavReader:
    """Reads with PyAV.

    Attributes:
        timeline: when which frames are shown.
        frames: how many.
    """

    def __init__(self, path: Path) -> None:
        """Open the file and find out what it shows. Raises OSError, and DamagedVideo as `probe`."""
        self._path = path
        with ExitStack() as stack:
            self._container, self._stream = stack.enter_context(open_video(path))
            found = find_shown_frames(self._container, self._stream, path)
            self._opened = stack.pop_all()
        self._packets, self.timeline = found.packets, found.timeline
        self.frames = self.timeline.frames

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._opened.close()

    def read(
        self, indices: Sequence[int], transform: FrameTransform
    ) -> tuple[list[Pixels], list[float]]:
        """Frames at `indices`, each (H,W,3) RGB passed through `transform`, and their seconds.

        Seconds count from the first frame shown.

        Raises:
            DamagedVideo: damaged_start, corrupt, or wrong_count: other frames come out of the
                decoder than its packets promise.
        """
        frames = None
        if self.timeline.pts is not None:
            frames = self._read_ranges([self.timeline.pts[i] for i in indices], transform)
        if frames is None:
            frames = self._read_every_frame(indices, transform)
        return frames, [self.timeline.seconds[i] for i in indices]

    def _read_ranges(
        self, wanted_pts: Sequence[int], transform: FrameTransform
    ) -> list[Pixels] | None:
        """The frames of these times; None where the packets' promise is not kept."""
        wanted = set(wanted_pts)
        ranges = plan_packet_ranges(self._packets, wanted_pts)
        pixels_at: dict[int, Pixels] = {}
        try:
            for frame in decode_ranges(
                self._container, self._stream, self._packets, ranges, wanted
            ):
                if frame.pts in wanted:
                    pixels_at[frame.pts] = transform(_upright_rgb(frame))
        except av.error.MemoryError:
            raise
        except (PacketMismatchError, av.error.FFmpegError):
            return None  # perhaps the container calls frames key frames that are none
        if len(pixels_at) < len(wanted):
            return None
        return [pixels_at[pts] for pts in wanted_pts]

    def _read_every_frame(self, indices: Sequence[int], transform: FrameTransform) -> list[Pixels]:
        """The frames of these numbers, from a decoder that leaves nothing out."""
        wanted = set(indices)
        pixels_at: dict[int, Pixels] = {}
        decoded = 0
        with open_video(self._path) as (container, stream):
            for frame in decode_every_frame(container, stream, self._packets, self._path):
                if decoded in wanted:
                    pixels_at[decoded] = transform(_upright_rgb(frame))
                decoded += 1
        if decoded != self.frames:
            reason = f"its packets promise {self.frames} frames, {decoded} come out of the decoder"
            raise DamagedVideo(self._path, "wrong_count", reason)
        return [pixels_at[index] for index in indices]


def _upright_rgb(frame: VideoFrame) -> Pixels:
    """RGB of a frame, upright.

    Chroma is repeated, not interpolated: so do the converters of all three libraries on 8 bits,
    and on 10 bits it comes closest to decord (measured).
    """
    pixels = _as_progressive(frame).to_ndarray(format="rgb24", interpolation="POINT", threads=1)
    return orientation_of(frame).apply(pixels.astype(np.uint8, copy=False))


def _as_progressive(frame: VideoFrame) -> VideoFrame:
    """A frame whose lines are converted in their order: ffmpeg and decord do so in all frames."""
    if not frame.interlaced_frame:
        return frame
    try:
        copy = VideoFrame.from_ndarray(frame.to_ndarray(), format=frame.format.name)
    except (ValueError, AssertionError):
        return frame  # a pixel format that PyAV gives to no array
    copy.colorspace, copy.color_range = frame.colorspace, frame.color_range
    return copy
