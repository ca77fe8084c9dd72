"""The packets of a video stream, and what a header promises of them.

Decoders end a truncated file silently (decord samples the half that is left), so where a header
gives the duration of a video, a missing end is noticed. Its number of frames is not believed:
players show what is there, and so does this project.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import av
import av.error
import av.logging
from av.container import InputContainer
from av.video.stream import VideoStream

from vqathinker.video.damage import DamagedVideo

if TYPE_CHECKING:
    from av.packet import Packet

# Where recordings are joined, the demultiplexer misses bytes of a whole packet, and notices that a
# little before the next packets come out of it.
_JOINT_SEEN_BEFORE = 2
_NOTHING_FOUND = "max resync size reached"  # whether packets are missing, their counters say
# Containers whose header gives the duration; for others libav estimates it. ASF (wmv) gives that of
# the longest stream only.
_PROMISING_CONTAINERS = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "flv", "mxf"}
# A stream may end a little early: rounding, a last frame without duration.
_DURATION_SLACK_S = 0.5
_DURATION_SLACK_SHARE = 0.05
_MATROSKA_DURATION = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")


class PacketInfo(NamedTuple):
    """One packet; times are in ticks of its stream."""

    pts: int | None
    dts: int | None
    duration: int
    size: int
    is_key: bool
    is_shown: bool  # False where an edit list hides its frame
    is_marked_corrupt: bool = False


class PacketScan(NamedTuple):
    """All packets of a stream."""

    packets: list[PacketInfo]  # without empty ones, which say that a frame stays on screen
    # The demultiplexer continues after damage; lost packets would shift all later indices.
    demuxer_error: str | None
    span: tuple[int, int] | None  # begin of the first and end of the last packet, in ticks


def demux_to_end(container: InputContainer, stream: VideoStream) -> Iterator["Packet[VideoStream]"]:
    """Packets up to the end of the file, as ffmpeg reads them.

    A demultiplexer that finds no packet in 64 KiB, such as zeros that a recorder wrote ahead, asks
    to be called again.
    """
    while True:
        try:
            yield from container.demux(stream)
        except av.error.BlockingIOError:
            continue
        return


def scan_packets(container: InputContainer, stream: VideoStream, path: Path) -> PacketScan:
    """Read every packet up to the end. Raises DamagedVideo: corrupt, where reading stops."""
    packets: list[PacketInfo] = []
    begins: list[int] = []
    ends: list[int] = []
    with _captured_errors() as errors:
        try:
            for packet in demux_to_end(container, stream):
                duration = packet.duration or 0
                times = [time for time in (packet.pts, packet.dts) if time is not None]
                if times:
                    begins.append(min(times))
                    ends.append(max(times) + duration)
                if packet.size:
                    key, shown = packet.is_keyframe, not packet.is_discard
                    info = (packet.pts, packet.dts, duration, packet.size, key, shown)
                    packets.append(PacketInfo(*info, packet.is_corrupt))
        except av.error.MemoryError:
            raise
        except av.error.FFmpegError as error:
            reason = f"reading stopped after {len(packets)} packets ({error.strerror})"
            raise DamagedVideo(path, "corrupt", reason) from error
    of_demuxer = (
        text.strip()
        for _, source, text in errors
        if source == container.format.name and not text.startswith(_NOTHING_FOUND)
    )
    return PacketScan(packets, next(of_demuxer, None), (min(begins), max(ends)) if ends else None)


@contextmanager
def _captured_errors() -> Iterator[list[tuple[int, str, str]]]:
    """Collect libav's error messages of this thread: level, name of the format or codec, text."""
    # PyAV drops repeated messages, and with them the first one of a second damaged file.
    level, skips_repeated = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)
    try:
        with av.logging.Capture() as lines:
            yield lines
    finally:
        av.logging.set_level(level)
        av.logging.set_skip_repeated(skips_repeated)


def marked_damage(packets: Sequence[PacketInfo]) -> int | None:
    """Index of the first packet with missing bytes, or None.

    The demultiplexer marks a packet as corrupt, too, where two whole recordings are joined; a key
    frame follows then.
    """
    for number, packet in enumerate(packets):
        following = packets[number + 1 : number + 1 + _JOINT_SEEN_BEFORE]
        if packet.is_marked_corrupt and not any(other.is_key for other in following):
            return number
    return None


def require_whole_index(stream: VideoStream, path: Path) -> None:
    """Raise DamagedVideo, cut_short, if an index of all frames leads beyond the end of the file."""
    index = list(stream.index_entries or [])
    if not index or len(index) != stream.frames:
        return
    file_size = path.stat().st_size
    held = sum(entry.pos + entry.size <= file_size for entry in index)
    if held < len(index):
        reason = f"cut short: the header promises {len(index)} frames, the file holds {held}"
        raise DamagedVideo(path, "cut_short", reason)


def require_promised_duration(
    container: InputContainer, stream: VideoStream, span: tuple[int, int] | None, path: Path
) -> None:
    """Raise DamagedVideo, cut_short, if `span` (see `PacketScan`) is less than the header says."""
    promised_s = _promised_duration(container, stream)
    if promised_s is None:
        return
    begin, end = span or (0, 0)
    # Some headers count from the first frame, hidden or not, others from the clock's zero.
    held_s = float(max(end, end - begin) * (stream.time_base or 0))
    slack_s = max(_DURATION_SLACK_S, _DURATION_SLACK_SHARE * promised_s)
    if held_s < promised_s - slack_s:
        reason = f"cut short: the header promises {promised_s:.2f} s, the file holds {held_s:.2f} s"
        raise DamagedVideo(path, "cut_short", reason)


def _promised_duration(container: InputContainer, stream: VideoStream) -> float | None:
    """Seconds of the video stream; None where the header gives none."""
    if container.format.name not in _PROMISING_CONTAINERS:
        return None
    if stream.duration:
        return float(stream.duration * (stream.time_base or 0))
    if written := _MATROSKA_DURATION.fullmatch(stream.metadata.get("DURATION", "")):
        return int(written[1]) * 3600 + int(written[2]) * 60 + float(written[3])
    if container.duration and len(container.streams) == 1:
        return container.duration / av.time_base
    return None
