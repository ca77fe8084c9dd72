"""What a video file says about itself, and whether the file can be what it says.

PyAV reads the container, so no ffprobe program is needed. Decoders end a truncated file silently
(measured: decord samples the half that is left), so the promise of the container is compared with
the bytes that are there before anybody decodes.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import av
import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

__all__ = ["DamagedVideo", "Probe", "probe"]

# A stream may end a little before its promised duration: rounding, a last frame without length.
_DURATION_SLACK_S = 0.5
_DURATION_SLACK_SHARE = 0.05
_MATROSKA_CLOCK = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")


class DamagedVideo(Exception):  # noqa: N818  what it is, not what went wrong with us
    """A video that cannot be used; `reason` is written for the user and names no path."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Probe:
    """Facts of one video stream.

    Attributes:
        width, height: pixels as displayed, after rotation.
        fps: mean frames per second; a nominal number where the frame rate varies.
        frames: frames that are shown, without those an edit list cuts away.
        duration_s: seconds.
        codec: FFmpeg's name of the codec, such as h264, hevc, vp9, av1.
        pixel_format: FFmpeg's name, such as yuv420p10le.
        rotation: 0, 90, 180 or 270 degrees by which a stored frame is turned counter-clockwise to
            stand upright.
    """

    width: int
    height: int
    fps: float
    frames: int
    duration_s: float
    codec: str
    pixel_format: str
    rotation: int


def probe(path: Path) -> Probe:
    """Read the header of the video at `path`, count its frames and decode the first one.

    Raises:
        FileNotFoundError: nothing is there.
        DamagedVideo: empty, no regular file, no container, no video stream, cut short, or no frame
            can be decoded.
    """
    _require_bytes(path)
    try:
        with av.open(str(path)) as container:
            stream = _video_stream(container, path)
            frames = _count_frames(container, stream, path)
    except av.error.FFmpegError as error:
        reason = f"no video container, or its header is damaged ({error.strerror})"
        raise DamagedVideo(path, reason) from error
    try:
        with av.open(str(path)) as container:
            first = next(container.decode(video=0), None)
            if first is None or frames == 0:
                raise DamagedVideo(path, "no frame can be decoded (the stream is empty)")
            return _facts(container.streams.video[0], first, frames, container.duration)
    except av.error.FFmpegError as error:
        raise DamagedVideo(path, f"no frame can be decoded ({error.strerror})") from error


def _require_bytes(path: Path) -> None:
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such video file")
    if not path.is_file():
        raise DamagedVideo(path, "not a regular file")
    if path.stat().st_size == 0:
        raise DamagedVideo(path, "empty file (0 bytes)")


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    if not container.streams.video:
        raise DamagedVideo(path, "no video stream in the file")
    stream = container.streams.video[0]
    if stream.codec_context is None:
        raise DamagedVideo(path, "no decoder for the codec of its video stream")
    return stream


def _count_frames(container: InputContainer, stream: VideoStream, path: Path) -> int:
    """Frames the file shows, from its index where it has a whole one, else by reading packets."""
    index = list(stream.index_entries or [])
    if index and len(index) == stream.frames:
        end = path.stat().st_size
        there = sum(entry.pos + entry.size <= end for entry in index)
        if there < len(index):
            reason = f"cut short: the header promises {len(index)} frames, the file holds {there}"
            raise DamagedVideo(path, reason)
        return sum(not entry.is_discard for entry in index)
    return _count_packets(container, stream, path)


def _count_packets(container: InputContainer, stream: VideoStream, path: Path) -> int:
    promised_s = _promised_duration(container, stream)
    frames, end_s = 0, 0.0
    for packet in container.demux(stream):
        if packet.size and not packet.is_discard:
            frames += 1
            if packet.pts is not None:
                end_s = max(end_s, _seconds(stream, packet.pts + (packet.duration or 0)))
    slack_s = max(_DURATION_SLACK_S, _DURATION_SLACK_SHARE * (promised_s or 0.0))
    if promised_s is not None and end_s < promised_s - slack_s:
        reason = f"cut short: the header promises {promised_s:.2f} s, the file holds {end_s:.2f} s"
        raise DamagedVideo(path, reason)
    return frames


def _promised_duration(container: InputContainer, stream: VideoStream) -> float | None:
    """Seconds until the end of the video stream, or None where the header does not say."""
    if stream.duration:
        return _seconds(stream, (stream.start_time or 0) + stream.duration)
    clock = _MATROSKA_CLOCK.fullmatch(stream.metadata.get("DURATION", ""))
    if clock:
        return int(clock[1]) * 3600 + int(clock[2]) * 60 + float(clock[3])
    if container.duration and len(container.streams) == 1:
        return container.duration / av.time_base
    return None


def _seconds(stream: VideoStream, ticks: int) -> float:
    return float(ticks * (stream.time_base or 0))


def _facts(stream: VideoStream, first: VideoFrame, frames: int, duration: int | None) -> Probe:
    rotation = round(first.rotation / 90) * 90 % 360
    turned = rotation in (90, 270)
    fps = float(stream.average_rate or stream.guessed_rate or 0)
    if stream.duration:
        seconds = _seconds(stream, stream.duration)
    elif duration:
        seconds = duration / av.time_base
    else:
        seconds = frames / fps if fps else 0.0
    return Probe(
        width=first.height if turned else first.width,
        height=first.width if turned else first.height,
        fps=round(fps, 6),
        frames=frames,
        duration_s=round(seconds, 6),
        codec=stream.codec_context.codec.canonical_name,
        pixel_format=first.format.name,
        rotation=rotation,
    )
