"""The packets of a video stream, as its container gives them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import av.error
from av.container import InputContainer
from av.video.stream import VideoStream

from vqathinker.video.damage import DamagedVideo
from vqathinker.video.libav_log import captured_errors
from vqathinker.video.packet_frames import shown_in_packet

if TYPE_CHECKING:
    from av.packet import Packet

__all__ = ["PacketInfo", "PacketScan", "demux_to_end", "marked_damage", "scan_packets"]

# Where recordings are joined, the container misses bytes of a packet that is whole; packets come
# out of the demultiplexer a little later than it notices.
_JOINT_SEEN_BEFORE = 2
# Whether packets are missing there, their own counters say.
_NOTHING_FOUND = "max resync size reached"


class PacketInfo(NamedTuple):
    """One packet; times are in ticks of its stream."""

    pts: int | None
    dts: int | None
    duration: int
    size: int
    is_key: bool
    shows: int  # frames; none where an edit list hides them
    is_marked_corrupt: bool = False


class PacketScan(NamedTuple):
    """All packets of a stream.

    Attributes:
        packets: without those that are empty, which say that a frame stays.
        demuxer_error: the first error message of the demultiplexer, if any. It goes on behind
            damage; what it left out would shift the indices of all later frames.
        span: when the first one begins and the last one ends, empty ones included, in ticks; None
            without times.
    """

    packets: list[PacketInfo]
    demuxer_error: str | None
    span: tuple[int, int] | None


def demux_to_end(container: InputContainer, stream: VideoStream) -> Iterator["Packet[VideoStream]"]:
    """Packets up to the file's end, also behind bytes that are none, as ffmpeg reads them.

    A demultiplexer that found no packet in 64 KiB, such as zeros that a recorder wrote ahead, asks
    to be called again.
    """
    while True:
        try:
            yield from container.demux(stream)
        except av.error.BlockingIOError:
            continue
        return


def scan_packets(container: InputContainer, stream: VideoStream, path: Path) -> PacketScan:
    """Every packet of the stream, read from where the container stands to its end.

    Raises:
        DamagedVideo: corrupt, where reading stops.
    """
    packets: list[PacketInfo] = []
    begins: list[int] = []
    ends: list[int] = []
    codec = stream.codec_context.codec.canonical_name
    with captured_errors() as errors:
        try:
            for packet in demux_to_end(container, stream):
                times = [time for time in (packet.pts, packet.dts) if time is not None]
                if times:
                    begins.append(min(times))
                    ends.append(max(times) + (packet.duration or 0))
                if packet.size:
                    packets.append(_packet_info(packet, codec))
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
    span = (min(begins), max(ends)) if ends else None
    return PacketScan(packets, next(of_demuxer, None), span)


def marked_damage(packets: Sequence[PacketInfo]) -> int | None:
    """The first packet of which the container says that bytes are missing, if that is damage.

    It says the same where two whole recordings are joined, and a key frame follows.
    """
    for number, packet in enumerate(packets):
        following = packets[number + 1 : number + 1 + _JOINT_SEEN_BEFORE]
        if packet.is_marked_corrupt and not any(other.is_key for other in following):
            return number
    return None


def _packet_info(packet: "Packet[VideoStream]", codec: str) -> PacketInfo:
    return PacketInfo(
        packet.pts,
        packet.dts,
        packet.duration or 0,
        packet.size,
        packet.is_keyframe,
        0 if packet.is_discard else shown_in_packet(codec, memoryview(packet)),
        packet.is_corrupt,
    )
