"""What a video file says about itself, and whether the file can be what it says.

PyAV reads the container, so no ffprobe program is needed. Decoders end a truncated file silently
(measured: decord samples the half that is left), so the promise of the container is compared with
the bytes that are there before anybody decodes.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vqathinker.video.container import open_video
from vqathinker.video.damage import DamagedVideo
from vqathinker.video.fork_server import preload_modules
from vqathinker.video.limits import Limits
from vqathinker.video.packets import PacketInfo, scan_packets
from vqathinker.video.workers import run_in_workers

__all__ = ["PROBE_LIMITS", "Probe", "probe", "probe_all"]

# Counting the packets of a long file may take a while on a slow disk; a first frame is soon there.
PROBE_LIMITS = Limits(timeout_s=120, memory_mb=2000)

# A stream may end a little before its promised duration: rounding, a last frame without length.
_DURATION_SLACK_S = 0.5
_DURATION_SLACK_SHARE = 0.05
_MATROSKA_DURATION = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")


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
        DamagedVideo: as `open_video`, or no_frames, cut_short, wrong_count or corrupt.
    """
    with open_video(path) as (container, stream):
        frames = _count_frames(container, stream, path)
    # Opened anew: counting may have read to the end, and not every format can go back.
    with open_video(path) as (container, stream):
        first = _decode_first_frame(container, stream, path) if frames else None
        if first is None:
            raise DamagedVideo(path, "no_frames", "no frame can be decoded (the stream is empty)")
        return _probe_of(stream, first, frames, container.duration)


def probe_all(paths: Sequence[Path]) -> Iterator[Probe | DamagedVideo | FileNotFoundError]:
    """Probe every path, in a process of its own that no file can stop; results in order."""
    preload_modules("vqathinker.video.probe")
    for _, outcome in run_in_workers(probe, [(path,) for path in paths], PROBE_LIMITS):
        yield outcome


def _decode_first_frame(
    container: InputContainer, stream: VideoStream, path: Path
) -> VideoFrame | None:
    try:
        return next(container.decode(stream), None)
    except av.error.MemoryError:
        raise
    except av.error.FFmpegError as error:
        reason = f"no frame can be decoded ({error.strerror})"
        raise DamagedVideo(path, "no_frames", reason) from error


def _count_frames(container: InputContainer, stream: VideoStream, path: Path) -> int:
    """Frames the file shows, from its index where it has a whole one, else by reading packets."""
    index = list(stream.index_entries or [])
    if not index or len(index) != stream.frames:
        return _count_packets(container, stream, path)
    file_size = path.stat().st_size
    frames_in_file = sum(entry.pos + entry.size <= file_size for entry in index)
    if frames_in_file < len(index):
        promised = f"the header promises {len(index)} frames"
        reason = f"cut short: {promised}, the file holds {frames_in_file}"
        raise DamagedVideo(path, "cut_short", reason)
    return sum(not entry.is_discard for entry in index)


def _count_packets(container: InputContainer, stream: VideoStream, path: Path) -> int:
    promised_s = _promised_duration(container, stream)
    packets, demuxer_error = scan_packets(container, stream, path)
    shown = [packet for packet in packets if packet.is_shown]
    end_s = max((_packet_end_s(packet, stream) for packet in shown), default=0.0)
    slack_s = max(_DURATION_SLACK_S, _DURATION_SLACK_SHARE * (promised_s or 0.0))
    if promised_s is not None and end_s < promised_s - slack_s:
        reason = f"cut short: the header promises {promised_s:.2f} s, the file holds {end_s:.2f} s"
        raise DamagedVideo(path, "cut_short", reason)
    if demuxer_error is not None:
        raise DamagedVideo(path, "corrupt", f"the container is damaged ({demuxer_error})")
    if stream.frames and len(packets) != stream.frames:
        reason = f"the header promises {stream.frames} frames, the stream holds {len(packets)}"
        raise DamagedVideo(path, "wrong_count", reason)
    return len(shown)


def _packet_end_s(packet: PacketInfo, stream: VideoStream) -> float:
    return 0.0 if packet.pts is None else _ticks_to_seconds(stream, packet.pts + packet.duration)


def _promised_duration(container: InputContainer, stream: VideoStream) -> float | None:
    """Seconds until the end of the video stream, or None where the header does not say."""
    if stream.duration:
        return _ticks_to_seconds(stream, (stream.start_time or 0) + stream.duration)
    written = _MATROSKA_DURATION.fullmatch(stream.metadata.get("DURATION", ""))
    if written:
        return int(written[1]) * 3600 + int(written[2]) * 60 + float(written[3])
    if container.duration and len(container.streams) == 1:
        return container.duration / av.time_base
    return None


def _ticks_to_seconds(stream: VideoStream, ticks: int) -> float:
    return float(ticks * (stream.time_base or 0))


def _probe_of(stream: VideoStream, first: VideoFrame, frames: int, duration: int | None) -> Probe:
    rotation = round(first.rotation / 90) * 90 % 360
    swaps_sides = rotation in (90, 270)
    fps = float(stream.average_rate or stream.guessed_rate or 0)
    if stream.duration:
        seconds = _ticks_to_seconds(stream, stream.duration)
    elif duration:
        seconds = duration / av.time_base
    else:
        seconds = frames / fps if fps else 0.0
    return Probe(
        width=first.height if swaps_sides else first.width,
        height=first.width if swaps_sides else first.height,
        fps=round(fps, 6),
        frames=frames,
        duration_s=round(seconds, 6),
        codec=stream.codec_context.codec.canonical_name,
        pixel_format=first.format.name,
        rotation=rotation,
    )
