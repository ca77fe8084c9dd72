"""The readers of frames: PyAV, the default, and decord, the authors'.

PyavReader decodes what the wanted frames need: the packets from the key frame before each on,
without those that no other frame refers to. Frames are identified by their presentation time, so
this is exact at any frame rate. If the packets do not determine the frames, or something else comes
out of the decoder, everything is decoded. A few flipped bytes may pass every decoder, since video
streams hold no checksums; damage to a tenth of a file was noticed each time.

DecordReader agrees with it bit for bit on 8-bit video; on 10-bit video they round differently.
Measured: decord returns frames up to three later than requested in open groups of pictures, repeats
frames silently where a file is cut short or an edit list hides frames, mirrors nothing, has no AV1,
and conceals some damaged frames. So what PyAV finds wrong, or counts otherwise, is an error there.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

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
from vqathinker.video.shown_frames import decode_every_frame, find_shown_frames

FrameTransform = Callable[[Pixels], Pixels]


class PacketMismatchError(Exception):
    """Something else came out of the decoder than the packets promise."""


class PyavReader:
    """Reads with PyAV; `timeline` says when each of its `frames` frames is shown."""

    def __init__(self, path: Path) -> None:
        """Open the file and find out what it shows. Raises OSError, and DamagedVideo as `probe`."""
        self._path = path
        with ExitStack() as stack:
            self._container, self._stream = stack.enter_context(open_video(path))
            self._packets, self.timeline = find_shown_frames(self._container, self._stream, path)
            self._opened = stack.pop_all()
        self.frames = self.timeline.frames

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def read(
        self, indices: Sequence[int], transform: FrameTransform
    ) -> tuple[list[Pixels], list[float]]:
        """Frames at `indices`, each (H,W,3) RGB passed through `transform`, and their seconds.

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
        """The frames of these times; None if something else comes out of the decoder."""
        wanted = set(wanted_pts)
        pixels_at: dict[int, Pixels] = {}
        try:
            for frame in _decode_ranges(self._container, self._stream, self._packets, wanted):
                if frame.pts in wanted:
                    pixels_at[frame.pts] = transform(_upright_rgb(frame))
        except av.error.MemoryError:
            raise
        except (PacketMismatchError, av.error.FFmpegError):
            return None  # perhaps the container calls other frames key frames, too
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


def _plan_ranges(packets: Sequence[PacketInfo], wanted: set[int]) -> list[tuple[int, int]]:
    """First and last positions of the packets that the frames at the times `wanted` need.

    Each range begins with a key frame that is shown before the wanted frame: frames that follow a
    key frame and are shown before it (an open group of pictures) may refer to the group before.
    """
    pts = [packet.pts or 0 for packet in packets]  # each has one, see `timeline_of_packets`
    position_of = {packet.pts: number for number, packet in enumerate(packets) if packet.is_shown}
    ranges: list[tuple[int, int]] = []
    for last in sorted(position_of[time] for time in wanted):
        first = next(n for n in range(last, -1, -1) if packets[n].is_key and pts[n] <= pts[last])
        if ranges and first <= ranges[-1][1] + 1:
            first = ranges.pop()[0]
        ranges.append((first, last))
    return ranges


def _decode_ranges(
    container: InputContainer, stream: VideoStream, packets: Sequence[PacketInfo], wanted: set[int]
) -> Iterator[VideoFrame]:
    """Frames that come out of the decoder when it is fed what the frames at `wanted` need.

    Raises:
        PacketMismatchError: a frame is damaged, a range does not begin with a key frame, packets do
            not show a frame each, or the container cannot seek to its start.
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
            fed += packets[number].is_shown
            # NONREF leaves out what no other frame refers to, which a wanted frame may be.
            context.skip_frame = "NONREF" if can_skip and packet.pts not in wanted else "DEFAULT"
            frames = context.decode(packet)
            if number == last:
                frames += context.decode(None)  # those that wait in the decoder
            for frame in frames:
                # A decoder starts at a key frame only; some containers call other frames so, too.
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
    """Whether the decoder can leave out frames that no other refers to, and no others.

    H.264 and MPEG mark them. HEVC marks what its own temporal layer does not refer to, so a stream
    must say, in byte 21 of its header (hvcC), that it has a single layer. Others ignore the option;
    in VP9 and AV1, the probabilities learned from a frame count as a reference, too.
    """
    context = stream.codec_context
    if context.codec.canonical_name == "hevc":
        header = context.extradata or b""
        return len(header) > 21 and header[0] == 1 and (header[21] >> 3) & 7 == 1
    return context.codec.canonical_name in {"h264", "mpeg1video", "mpeg2video", "mpeg4"}


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


class DecordReader:
    """Reads with decord, an optional package."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raises DamagedVideo, also if decord counts other frames than PyAV."""
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
            reason = f"decord counts {self.frames} frames, {self._timeline.frames} are shown"
            raise DamagedVideo(path, "wrong_count", reason)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        del self._video

    def read(
        self, indices: Sequence[int], transform: FrameTransform
    ) -> tuple[list[Pixels], list[float]]:
        """As `PyavReader.read`. Raises DamagedVideo, corrupt."""
        try:
            pixels: Pixels = self._video.get_batch(list(indices)).asnumpy()
        except self._errors as error:
            raise DamagedVideo(self._path, "corrupt", "decord cannot decode it") from error
        return [transform(frame) for frame in pixels], [self._timeline.seconds[i] for i in indices]
