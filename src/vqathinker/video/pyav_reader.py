"""The default reader of frames, PyAV: decodes the packets that the wanted frames need, no others.

Frames are counted as they are shown and turned upright. Where the packets do not tell enough, or
what they promise does not come out of the decoder, everything is decoded from the start instead.
Measured (benchmarks/decode.py): no other reader here is as fast or notices as much damage. A few
flipped bytes may pass every decoder, for video streams hold no checksums; damage of a tenth of a
file was noticed each time.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import av.error
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vqathinker.video.container import open_video
from vqathinker.video.damage import DamagedVideo
from vqathinker.video.packets import (
    PacketInfo,
    PacketRange,
    can_skip_unreferenced,
    plan_packet_ranges,
    scan_packets,
)

__all__ = ["FrameTransform", "Pixels", "PyavReader", "TooFewFramesError"]

Pixels = npt.NDArray[np.uint8]
FrameTransform = Callable[[Pixels], Pixels]


class TooFewFramesError(Exception):
    """A stream gave only `decoded` frames, fewer than it has packets for."""

    def __init__(self, decoded: int) -> None:
        super().__init__(f"{decoded} frames can be decoded")
        self.decoded = decoded


class _PacketMismatchError(Exception):
    """What the packets promise did not come out of the decoder."""


class PyavReader:
    """Reads with PyAV, by packets: see `packets`.

    Attributes:
        frames: frames that the file's packets show.
    """

    def __init__(self, path: Path) -> None:
        """Open the file and read through its packets. Raises DamagedVideo."""
        self._path = path
        self._open()
        try:
            self._packets, demuxer_error = scan_packets(self._container, self._stream, path)
            if demuxer_error is not None:
                raise DamagedVideo(path, "corrupt", f"the container is damaged ({demuxer_error})")
        except BaseException:
            self.close()
            raise
        self.frames = sum(packet.is_shown for packet in self._packets)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._opened.close()

    def _open(self) -> None:
        with ExitStack() as stack:
            self._container, self._stream = stack.enter_context(open_video(self._path))
            self._opened = stack.pop_all()

    def read(
        self, indices: Sequence[int], transform: FrameTransform
    ) -> tuple[list[Pixels], list[float]]:
        """Frames at `indices`, each (H,W,3) RGB passed through `transform`, and their seconds.

        Seconds count from the first frame shown.

        Raises:
            DamagedVideo: corrupt.
            TooFewFramesError: the stream is over before the last of `indices`.
        """
        shown_pts = sorted(p.pts for p in self._packets if p.is_shown and p.pts is not None)
        ranges = None
        if len(shown_pts) == self.frames:
            wanted_pts = [shown_pts[index] for index in indices]
            ranges = plan_packet_ranges(self._packets, wanted_pts)
        if ranges is not None:
            try:
                return self._read_ranges(ranges, wanted_pts, transform)
            except _PacketMismatchError:
                pass  # perhaps the container calls frames key frames that are none
        return self._read_from_start(indices, transform)

    def _read_ranges(
        self, ranges: Sequence[PacketRange], wanted_pts: Sequence[int], transform: FrameTransform
    ) -> tuple[list[Pixels], list[float]]:
        pixels_at: dict[int, Pixels] = {}
        wanted = set(wanted_pts)
        try:
            self._seek_to_start()
            frames = _decode_ranges(self._container, self._stream, self._packets, ranges, wanted)
            for frame in frames:
                if frame.pts in wanted:
                    pixels_at[frame.pts] = transform(_upright_rgb(frame, self._stream))
        except av.error.MemoryError:
            raise
        except av.error.FFmpegError as error:
            raise _PacketMismatchError from error
        if len(pixels_at) < len(wanted):
            raise _PacketMismatchError
        first_pts = min(p.pts for p in self._packets if p.is_shown and p.pts is not None)
        tick_s = float(self._stream.time_base or 0)
        seconds = [(pts - first_pts) * tick_s for pts in wanted_pts]
        return [pixels_at[pts] for pts in wanted_pts], seconds

    def _seek_to_start(self) -> None:
        """Go back to the first packet; _decode_ranges notices where the format cannot."""
        first = self._packets[0]
        ticks = first.pts if first.dts is None else first.dts
        self._container.seek(ticks or 0, stream=self._stream)

    def _read_from_start(
        self, indices: Sequence[int], transform: FrameTransform
    ) -> tuple[list[Pixels], list[float]]:
        """Decode from the start and count; here every error of the decoder is final."""
        wanted, last = set(indices), max(indices)
        pixels_at: dict[int, Pixels] = {}
        seconds: list[float] = []
        self.close()
        self._open()
        context = self._stream.codec_context
        # Nothing is compared with packets here: what the decoder would conceal must be an error.
        context.options = context.options | {"err_detect": "explode"}
        try:
            for number, frame in enumerate(self._container.decode(self._stream)):
                if frame.is_corrupt:
                    raise DamagedVideo(self._path, "corrupt", f"frame {number} is corrupt")
                seconds.append(_frame_time_s(frame, number, self._stream))
                if number in wanted:
                    pixels_at[number] = transform(_upright_rgb(frame, self._stream))
                if number == last:
                    break
        except av.error.MemoryError:
            raise
        except av.error.FFmpegError as error:
            reason = f"decoding stopped after {len(seconds)} frames ({error.strerror})"
            raise DamagedVideo(self._path, "corrupt", reason) from error
        if len(pixels_at) < len(wanted):
            raise TooFewFramesError(len(seconds))
        return [pixels_at[i] for i in indices], [seconds[i] - seconds[0] for i in indices]


def _decode_ranges(
    container: InputContainer,
    stream: VideoStream,
    packets: Sequence[PacketInfo],
    ranges: Sequence[PacketRange],
    wanted_pts: set[int],
) -> Iterator[VideoFrame]:
    """Frames that come out of the decoder when it is fed those ranges and nothing else.

    Raises _PacketMismatchError when a frame is damaged, or a range does not begin with a key frame.
    """
    context = stream.codec_context
    can_skip = can_skip_unreferenced(stream)
    demuxed = enumerate(p for p in container.demux(stream) if p.size)
    for packet_range in ranges:
        # A decoder starts at a key frame alone; containers call others so, too.
        awaits_key_frame = packet_range.start is not None
        for number, packet in demuxed:
            if number < packet_range.first or _is_before(packet.pts, packet_range.start):
                continue
            if (packet.pts, packet.size) != (packets[number].pts, packets[number].size):
                raise _PacketMismatchError  # the format could not go back to its first packet
            # NONREF leaves out what no other frame refers to, which a wanted frame may be.
            may_skip = can_skip and packet.pts not in wanted_pts
            context.skip_frame = "NONREF" if may_skip else "DEFAULT"
            for frame in context.decode(packet):
                _check_frame(frame, packet_range.start if awaits_key_frame else None)
                awaits_key_frame = False
                yield frame
            if number == packet_range.last:
                break
        for frame in context.decode(None):
            _check_frame(frame, packet_range.start if awaits_key_frame else None)
            awaits_key_frame = False
            yield frame
        context.flush_buffers()


def _is_before(pts: int | None, start: int | None) -> bool:
    return start is not None and pts is not None and pts < start


def _check_frame(frame: VideoFrame, start: int | None) -> None:
    """Refuse a damaged frame and, where `start` is given, all but the key frame of that time."""
    if frame.is_corrupt or (start is not None and (not frame.key_frame or frame.pts != start)):
        raise _PacketMismatchError


def _frame_time_s(frame: VideoFrame, number: int, stream: VideoStream) -> float:
    if frame.pts is not None and stream.time_base:
        return float(frame.pts * stream.time_base)
    rate = stream.average_rate or stream.guessed_rate
    return number / float(rate) if rate else float(number)


def _upright_rgb(frame: VideoFrame, stream: VideoStream) -> Pixels:
    """RGB of a frame, upright, in the stream's size even where the frame has another.

    Chroma is repeated, not interpolated: so do the converters of all three libraries on 8 bits,
    and on 10 bits it comes closest to decord (measured).
    """
    width, height = stream.width, stream.height
    same_size = (frame.width, frame.height) == (width, height)
    interpolation = "POINT" if same_size else "BICUBIC"
    pixels = frame.to_ndarray(
        format="rgb24", width=width, height=height, interpolation=interpolation, threads=1
    )
    return np.rot90(pixels, round(frame.rotation / 90)).astype(np.uint8, copy=False)
