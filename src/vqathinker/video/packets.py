"""Read the packets of a video stream and compare them with the header.

Decoders end a truncated file silently (decord samples the remaining half), so the duration of the
packets is compared with that of the header. The number of frames in a header is not trusted:
players show the frames that exist, and so does this project.
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

# At a splice of two recordings, the demuxer flags a packet as corrupt, at most this many packets
# before the key frame of the second recording.
_PACKETS_BEFORE_SPLICE = 2
_RESYNC_MESSAGE = "max resync size reached"  # no damage: lost packets show in their counters
# Containers whose header gives the duration; libav estimates it for others. ASF (wmv) is not one of
# them, as it gives the duration of the longest stream only.
_CONTAINERS_WITH_DURATION = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "flv", "mxf"}
# Tolerance: durations are rounded, and the last frame may have none.
_DURATION_SLACK_S = 0.5
_DURATION_SLACK_SHARE = 0.05
_MATROSKA_DURATION = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")


class PacketInfo(NamedTuple):
    """One packet; times are in ticks (units of the stream's time base)."""

    pts: int | None
    dts: int | None
    duration: int
    size: int
    is_key: bool
    is_displayed: bool  # False if an edit list hides its frame
    is_flagged_corrupt: bool = False


class PacketScan(NamedTuple):
    """All packets of a stream."""

    packets: list[PacketInfo]  # without empty ones, which repeat the previous frame
    # First error, or None. The demuxer continues after damage, but later frame indices are shifted.
    demuxer_error: str | None
    span: tuple[int, int] | None  # start of the first and end of the last packet, in ticks


def demux_to_end(container: InputContainer, stream: VideoStream) -> Iterator["Packet[VideoStream]"]:
    """Yield packets up to the end of the file, as ffmpeg does."""
    while True:
        try:
            yield from container.demux(stream)
        except av.error.BlockingIOError:
            # The demuxer found no packet in 64 KiB, for example in zeros that a recorder has
            # preallocated, and expects to be called again.
            continue
        return


def scan_packets(container: InputContainer, stream: VideoStream, path: Path) -> PacketScan:
    """Read all packets. Raises DamagedVideo (corrupt) if reading stops before the end."""
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
        if source == container.format.name and not text.startswith(_RESYNC_MESSAGE)
    )
    return PacketScan(packets, next(of_demuxer, None), (min(begins), max(ends)) if ends else None)


@contextmanager
def _captured_errors() -> Iterator[list[tuple[int, str, str]]]:
    """Collect libav's error messages of this thread: level, name of the format or codec, text."""
    # PyAV drops repeated messages, which would include the first one of a second damaged file.
    level, skips_repeated = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)
    try:
        with av.logging.Capture() as lines:
            yield lines
    finally:
        av.logging.set_level(level)
        av.logging.set_skip_repeated(skips_repeated)


def find_corrupt_packet(packets: Sequence[PacketInfo]) -> int | None:
    """Index of the first packet with missing bytes, or None."""
    for number, packet in enumerate(packets):
        # At a splice of two intact recordings, a packet is flagged too, but a key frame follows.
        following = packets[number + 1 : number + 1 + _PACKETS_BEFORE_SPLICE]
        if packet.is_flagged_corrupt and not any(other.is_key for other in following):
            return number
    return None


def require_complete_index(stream: VideoStream, path: Path) -> None:
    """Raise DamagedVideo (cut_short) if the index lists frames beyond the end of the file."""
    index = list(stream.index_entries or [])
    if not index or len(index) != stream.frames:
        return
    file_size = path.stat().st_size
    complete = sum(entry.pos + entry.size <= file_size for entry in index)
    if complete < len(index):
        reason = f"truncated: the header states {len(index)} frames, the file contains {complete}"
        raise DamagedVideo(path, "cut_short", reason)


def require_declared_duration(
    container: InputContainer, stream: VideoStream, span: tuple[int, int] | None, path: Path
) -> None:
    """Raise DamagedVideo (cut_short) if `span` (see `PacketScan`) is shorter than in the header."""
    declared_s = _declared_duration(container, stream)
    if declared_s is None:
        return
    begin, end = span or (0, 0)
    # Some headers count from the first frame, hidden or not, others from time zero.
    found_s = float(max(end, end - begin) * (stream.time_base or 0))
    slack_s = max(_DURATION_SLACK_S, _DURATION_SLACK_SHARE * declared_s)
    if found_s < declared_s - slack_s:
        reason = f"truncated: the header states {declared_s:.2f} s, the file has {found_s:.2f} s"
        raise DamagedVideo(path, "cut_short", reason)


def _declared_duration(container: InputContainer, stream: VideoStream) -> float | None:
    """Duration of the video stream in seconds; None if the header does not give it."""
    if container.format.name not in _CONTAINERS_WITH_DURATION:
        return None
    if stream.duration:
        return float(stream.duration * (stream.time_base or 0))
    if tag := _MATROSKA_DURATION.fullmatch(stream.metadata.get("DURATION", "")):
        return int(tag[1]) * 3600 + int(tag[2]) * 60 + float(tag[3])
    if container.duration and len(container.streams) == 1:
        return container.duration / av.time_base
    return None
