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
from vqathinker.video.packets import Packet, Run, plan_runs, scan_packets, skips_unreferenced

__all__ = ["FewerFramesError", "Pixels", "PyavReader", "Shrink"]

Pixels = npt.NDArray[np.uint8]
Shrink = Callable[[Pixels], Pixels]


class FewerFramesError(Exception):
    """A stream gave only `decoded` frames, fewer than it has packets for."""

    def __init__(self, decoded: int) -> None:
        super().__init__(f"{decoded} frames can be decoded")
        self.decoded = decoded


class _Distrusted(Exception):  # noqa: N818  a decision, not an error
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
            self._packets, complaint = scan_packets(self._container, self._stream, path)
            if complaint is not None:
                raise DamagedVideo(path, "corrupt", f"the container is damaged ({complaint})")
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

    def read(self, indices: Sequence[int], shrink: Shrink) -> tuple[list[Pixels], list[float]]:
        """Frames at `indices`, each (H,W,3) RGB passed through `shrink`, and their seconds.

        Seconds count from the first frame shown.

        Raises:
            DamagedVideo: corrupt.
            FewerFramesError: the stream is over before the last of `indices`.
        """
        times = sorted(p.pts for p in self._packets if p.is_shown and p.pts is not None)
        runs = None
        if len(times) == self.frames:
            runs = plan_runs(self._packets, [times[index] for index in indices])
        if runs is not None:
            try:
                return self._read_runs(runs, [times[index] for index in indices], shrink)
            except _Distrusted:
                pass  # perhaps the container calls frames key frames that are none
        return self._read_all(indices, shrink)

    def _read_runs(
        self, runs: Sequence[Run], times: Sequence[int], shrink: Shrink
    ) -> tuple[list[Pixels], list[float]]:
        found: dict[int, Pixels] = {}
        wanted = set(times)
        try:
            self._rewind()
            for frame in _decode_runs(self._container, self._stream, self._packets, runs, wanted):
                if frame.pts in wanted:
                    found[frame.pts] = shrink(_upright(frame, self._stream))
        except av.error.MemoryError:
            raise
        except av.error.FFmpegError as error:
            raise _Distrusted from error
        if len(found) < len(wanted):
            raise _Distrusted
        first = min(p.pts for p in self._packets if p.is_shown and p.pts is not None)
        tick = float(self._stream.time_base or 0)
        return [found[time] for time in times], [(time - first) * tick for time in times]

    def _rewind(self) -> None:
        """Go back to the first packet, in the hope that the format can; _decode_runs looks."""
        first = self._packets[0]
        time = first.pts if first.dts is None else first.dts
        self._container.seek(time or 0, stream=self._stream)

    def _read_all(self, indices: Sequence[int], shrink: Shrink) -> tuple[list[Pixels], list[float]]:
        """Decode from the start and count; here every complaint of the decoder is final."""
        wanted, last = set(indices), max(indices)
        found: dict[int, Pixels] = {}
        seconds: list[float] = []
        self.close()
        self._open()
        context = self._stream.codec_context
        context.options = context.options | {"err_detect": "explode"}
        try:
            for number, frame in enumerate(self._container.decode(self._stream)):
                if frame.is_corrupt:
                    raise DamagedVideo(self._path, "corrupt", f"frame {number} is corrupt")
                seconds.append(_seconds(frame, number, self._stream))
                if number in wanted:
                    found[number] = shrink(_upright(frame, self._stream))
                if number == last:
                    break
        except av.error.MemoryError:
            raise
        except av.error.FFmpegError as error:
            reason = f"decoding stopped after {len(seconds)} frames ({error.strerror})"
            raise DamagedVideo(self._path, "corrupt", reason) from error
        if len(found) < len(wanted):
            raise FewerFramesError(len(seconds))
        return [found[i] for i in indices], [seconds[i] - seconds[0] for i in indices]


def _decode_runs(
    container: InputContainer,
    stream: VideoStream,
    packets: Sequence[Packet],
    runs: Sequence[Run],
    wanted: set[int],
) -> Iterator[VideoFrame]:
    """Frames that come out of the decoder when it is fed those runs and nothing else.

    Raises _Distrusted when a frame is damaged, or a run does not begin with a key frame.
    """
    context = stream.codec_context
    lean = skips_unreferenced(stream)
    source = enumerate(p for p in container.demux(stream) if p.size)
    for run in runs:
        fresh = run.start is not None
        for number, packet in source:
            if number < run.first or _precedes(packet.pts, run.start):
                continue
            if (packet.pts, packet.size) != (packets[number].pts, packets[number].size):
                raise _Distrusted
            context.skip_frame = "NONREF" if lean and packet.pts not in wanted else "DEFAULT"
            for frame in context.decode(packet):
                _check(frame, run.start if fresh else None)
                fresh = False
                yield frame
            if number == run.last:
                break
        for frame in context.decode(None):
            _check(frame, run.start if fresh else None)
            fresh = False
            yield frame
        context.flush_buffers()


def _precedes(time: int | None, start: int | None) -> bool:
    return start is not None and time is not None and time < start


def _check(frame: VideoFrame, start: int | None) -> None:
    """Refuse a damaged frame and, where `start` is given, all but the key frame of that time."""
    if frame.is_corrupt or (start is not None and (not frame.key_frame or frame.pts != start)):
        raise _Distrusted


def _seconds(frame: VideoFrame, number: int, stream: VideoStream) -> float:
    if frame.pts is not None and stream.time_base:
        return float(frame.pts * stream.time_base)
    rate = stream.average_rate or stream.guessed_rate
    return number / float(rate) if rate else float(number)


def _upright(frame: VideoFrame, stream: VideoStream) -> Pixels:
    """RGB of a frame, upright, in the stream's size even where the frame has another.

    Chroma is repeated, not interpolated: so do the converters of all three libraries on 8 bits,
    and on 10 bits it comes closest to decord (measured).
    """
    width, height = stream.width, stream.height
    same = (frame.width, frame.height) == (width, height)
    way = "POINT" if same else "BICUBIC"
    pixels = frame.to_ndarray(
        format="rgb24", width=width, height=height, interpolation=way, threads=1
    )
    return np.rot90(pixels, round(frame.rotation / 90)).astype(np.uint8, copy=False)
