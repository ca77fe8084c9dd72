"""Read sampled frames, with PyAV (the default) or decord (the authors' reader).

PyavReader decodes only the packets that the wanted frames need: those from the preceding key frame
on, without unreferenced frames. Frames are identified by their presentation time, so this is exact
at any frame rate. If the packets do not determine the frames, or the decoder returns other frames,
the whole video is decoded. A few flipped bytes may pass every decoder, because video streams have
no checksums; damage to a tenth of a file was detected in every test.

DecordReader agrees bit for bit on 8-bit video; on 10-bit video, rounding differs. Measured: decord
returns frames up to three positions late in open groups of pictures, silently repeats frames if a
file is truncated or an edit list hides frames, ignores mirroring, does not support AV1, and
conceals some damaged frames. Therefore, DecordReader raises DamagedVideo if PyAV finds damage or
counts a different number of frames.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self, TypeVar

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vqathinker.video.container import open_video
from vqathinker.video.damage import DamagedVideo
from vqathinker.video.orientation import Pixels, orientation_of
from vqathinker.video.packets import PacketInfo
from vqathinker.video.scan import decode_all_frames, scan_video

T = TypeVar("T")
FrameTransform = Callable[[int, Pixels], T]  # of the index of a frame, and its pixels (H,W,3)


class PacketMismatchError(Exception):
    """The decoder returned other frames than the packets announce."""


class PyavReader:
    """Reads with PyAV; `timeline` has the presentation times of the `frames` frames."""

    def __init__(self, path: Path) -> None:
        """Open and scan the file. Raises OSError, and DamagedVideo as `probe`."""
        self._path = path
        with ExitStack() as stack:
            self._container, self._stream = stack.enter_context(open_video(path))
            self._packets, self.timeline = scan_video(self._container, self._stream, path)
            self._opened = stack.pop_all()
        self.frames = self.timeline.frames

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def read(
        self, indices: Sequence[int], transform: FrameTransform[T]
    ) -> tuple[list[T], list[float]]:
        """Read the frames at `indices`, apply `transform`, and return the results and times.

        Raises:
            DamagedVideo: damaged_start, corrupt or wrong_count.
        """
        frames: dict[int, T] | None = None
        if self.timeline.pts is not None:
            frames = self._read_ranges({self.timeline.pts[i]: i for i in indices}, transform)
        if frames is None:
            frames = self._read_every_frame(set(indices), transform)
        return [frames[i] for i in indices], [self.timeline.seconds[i] for i in indices]

    def _read_ranges(
        self, index_of_pts: Mapping[int, int], transform: FrameTransform[T]
    ) -> dict[int, T] | None:
        """Decode the frames at these times only; None if the decoder returns other frames."""
        wanted = set(index_of_pts)
        frames: dict[int, T] = {}
        try:
            for frame in _decode_ranges(self._container, self._stream, self._packets, wanted):
                if frame.pts in wanted:
                    index = index_of_pts[frame.pts]
                    frames[index] = transform(index, _upright_rgb(frame))
        except av.error.MemoryError:
            raise
        except (PacketMismatchError, av.error.FFmpegError):
            return None  # perhaps the container flags too many frames as key frames
        return None if len(frames) < len(wanted) else frames

    def _read_every_frame(
        self, wanted: Collection[int], transform: FrameTransform[T]
    ) -> dict[int, T]:
        """Decode the whole video and return the frames at the indices `wanted`."""
        frames: dict[int, T] = {}
        decoded = 0
        with open_video(self._path) as (container, stream):
            for frame in decode_all_frames(container, stream, self._packets, self._path):
                if decoded in wanted:
                    frames[decoded] = transform(decoded, _upright_rgb(frame))
                decoded += 1
        if decoded != self.frames:
            reason = f"its packets announce {self.frames} frames, the decoder returns {decoded}"
            raise DamagedVideo(self._path, "wrong_count", reason)
        return frames


def _plan_ranges(packets: Sequence[PacketInfo], wanted: set[int]) -> list[tuple[int, int]]:
    """Packet ranges (first and last position) to decode for the frames at the times `wanted`."""
    pts = [packet.pts or 0 for packet in packets]  # never None here, see `timeline_of_packets`
    position_of = {p.pts: number for number, p in enumerate(packets) if p.is_displayed}
    ranges: list[tuple[int, int]] = []
    for last in sorted(position_of[time] for time in wanted):
        # The key frame must be displayed before the wanted frame: frames that follow a key frame
        # and are displayed before it (open group of pictures) may refer to the previous group.
        first = next(n for n in range(last, -1, -1) if packets[n].is_key and pts[n] <= pts[last])
        if ranges and first <= ranges[-1][1] + 1:
            first = ranges.pop()[0]
        ranges.append((first, last))
    return ranges


def _decode_ranges(
    container: InputContainer, stream: VideoStream, packets: Sequence[PacketInfo], wanted: set[int]
) -> Iterator[VideoFrame]:
    """Yield the frames that the decoder returns for the packets that `wanted` needs.

    Raises:
        PacketMismatchError: a frame is damaged, a range does not start with a key frame, a packet
            does not give exactly one frame, or the container cannot seek to its start.
    """
    context = stream.codec_context
    can_skip = _can_skip_unreferenced(stream)
    begin = packets[0].pts if packets[0].dts is None else packets[0].dts
    container.seek(begin or 0, stream=stream)
    demuxed = enumerate(p for p in container.demux(stream) if p.size)
    for first, last in _plan_ranges(packets, wanted):
        start, fed, decoded = packets[first].pts or 0, 0, 0
        for number, packet in demuxed:
            if number < first or (packet.pts or 0) < start:
                continue
            if (packet.pts, packet.size) != (packets[number].pts, packets[number].size):
                raise PacketMismatchError
            fed += packets[number].is_displayed
            # NONREF skips frames that no other frame refers to; a wanted frame may be one of them.
            context.skip_frame = "NONREF" if can_skip and packet.pts not in wanted else "DEFAULT"
            frames = context.decode(packet)
            if number == last:
                frames += context.decode(None)  # flush delayed frames
            for frame in frames:
                # Decoding can start at a key frame only; some containers flag other frames, too.
                starts = decoded or first == 0 or (frame.key_frame and frame.pts == start)
                if frame.is_corrupt or not starts:
                    raise PacketMismatchError
                decoded += 1
                yield frame
            if number == last:
                break
        if not can_skip and decoded != fed:
            raise PacketMismatchError
        context.flush_buffers()


def _can_skip_unreferenced(stream: VideoStream) -> bool:
    """Whether the decoder can skip exactly the frames that no other frame refers to."""
    context = stream.codec_context
    # H.264 and MPEG flag these frames. HEVC flags frames without references from the same temporal
    # layer, so the stream must have a single layer, according to byte 21 of its header (hvcC).
    # Other decoders ignore NONREF. In VP9 and AV1, frames also inherit adapted probabilities.
    if context.codec.canonical_name == "hevc":
        header = context.extradata or b""
        return len(header) > 21 and header[0] == 1 and (header[21] >> 3) & 7 == 1
    return context.codec.canonical_name in {"h264", "mpeg1video", "mpeg2video", "mpeg4"}


def _upright_rgb(frame: VideoFrame) -> Pixels:
    """Convert a frame to upright RGB, (H,W,3) uint8."""
    # POINT repeats chroma samples instead of interpolating them, as ffmpeg, PyAV and decord do for
    # 8 bits. For 10 bits, it is closest to decord (measured).
    pixels = _as_progressive(frame).to_ndarray(format="rgb24", interpolation="POINT", threads=1)
    return orientation_of(frame).apply(pixels.astype(np.uint8, copy=False))


def _as_progressive(frame: VideoFrame) -> VideoFrame:
    """Clear the interlaced flag: ffmpeg and decord convert all frames line by line."""
    if not frame.interlaced_frame:
        return frame
    try:
        copy = VideoFrame.from_ndarray(frame.to_ndarray(), format=frame.format.name)
    except (ValueError, AssertionError):
        return frame  # PyAV cannot convert this pixel format to an array
    copy.colorspace, copy.color_range = frame.colorspace, frame.color_range
    return copy


class DecordReader:
    """Reads with decord, which is an optional dependency."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raises DamagedVideo, also if decord and PyAV count different frames."""
        import decord  # noqa: PLC0415  not built for every platform

        decord.logging.set_level(decord.logging.QUIET)
        self._errors = (decord.DECORDError, RuntimeError)
        self._path = path
        with PyavReader(path) as pyav:
            self._timeline = pyav.timeline
        try:
            self._video: Any = decord.VideoReader(str(path), num_threads=1)
        except self._errors as error:
            raise DamagedVideo(path, "no_decoder", "decord cannot open it") from error
        self.frames = len(self._video)
        if self.frames != self._timeline.frames:
            reason = f"decord counts {self.frames} frames instead of {self._timeline.frames}"
            raise DamagedVideo(path, "wrong_count", reason)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        del self._video

    def read(
        self, indices: Sequence[int], transform: FrameTransform[T]
    ) -> tuple[list[T], list[float]]:
        """See `PyavReader.read`. Raises DamagedVideo (corrupt)."""
        try:
            pixels: Pixels = self._video.get_batch(list(indices)).asnumpy()
        except self._errors as error:
            raise DamagedVideo(self._path, "corrupt", "decord cannot decode it") from error
        frames = [transform(i, frame) for i, frame in zip(indices, pixels, strict=True)]
        return frames, [self._timeline.seconds[i] for i in indices]
