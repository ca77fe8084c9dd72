"""The packets of a video stream, and which of them the wanted frames need.

A frame is known by its presentation time, so this is exact at any frame rate, constant or not. To
have frame i, a decoder needs the packets from the key frame before it on; of those, the ones that
no other frame refers to can be left out too. Nothing is read from frame rates or frame counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import av.error
import av.logging
from av.container import InputContainer
from av.video.stream import VideoStream

from vqathinker.video.damage import DamagedVideo

__all__ = [
    "PacketInfo",
    "PacketRange",
    "PacketScan",
    "can_skip_unreferenced",
    "plan_packet_ranges",
    "scan_packets",
]


class PacketInfo(NamedTuple):
    """One packet; times are in ticks of its stream."""

    pts: int | None
    dts: int | None
    duration: int
    size: int
    is_key: bool
    is_shown: bool  # not hidden by an edit list


class PacketScan(NamedTuple):
    """The packets of a stream, and the demultiplexer's first error message about them, if any.

    It goes on behind damage; what it left out would shift the indices of all later frames.
    """

    packets: list[PacketInfo]
    demuxer_error: str | None


@dataclass(frozen=True, slots=True)
class PacketRange:
    """Packets first..last in the order of decoding; `start` is the time of the first, a key frame.

    `start` is None for a range from the start of the stream, which need not begin with a key frame.
    """

    first: int
    last: int
    start: int | None


def scan_packets(container: InputContainer, stream: VideoStream, path: Path) -> PacketScan:
    """Every packet of the stream, read from where the container stands to its end.

    Raises:
        DamagedVideo: corrupt, where a packet is, or reading stops.
    """
    packets: list[PacketInfo] = []
    # PyAV drops messages that repeat, and with them the first one of a second damaged file.
    level, skips_repeated = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)
    try:
        with av.logging.Capture() as log_lines:
            for packet in container.demux(stream):
                if packet.size:
                    packets.append(_packet_info(packet, len(packets), path))
    except av.error.MemoryError:
        raise
    except av.error.FFmpegError as error:
        reason = f"reading stopped after {len(packets)} packets ({error.strerror})"
        raise DamagedVideo(path, "corrupt", reason) from error
    finally:
        av.logging.set_level(level)
        av.logging.set_skip_repeated(skips_repeated)
    demuxer_errors = [
        text.strip() for _, source, text in log_lines if source == container.format.name
    ]
    return PacketScan(packets, demuxer_errors[0] if demuxer_errors else None)


def _packet_info(packet: "av.Packet[VideoStream]", number: int, path: Path) -> PacketInfo:
    if packet.is_corrupt:
        raise DamagedVideo(path, "corrupt", f"packet {number} is corrupt")
    return PacketInfo(
        packet.pts,
        packet.dts,
        packet.duration or 0,
        packet.size,
        packet.is_keyframe,
        not packet.is_discard,
    )


def plan_packet_ranges(
    packets: Sequence[PacketInfo], wanted_pts: Sequence[int]
) -> list[PacketRange] | None:
    """The shortest ranges of packets that hold the frames at the times `wanted_pts`, in order.

    A key frame serves frames that are shown after it only: those that are decoded after it and
    shown before it (an open group of pictures) may refer to the group before.

    None when packets have no times, or two the same: then only counting frames tells them apart.
    """
    shown_pts = [packet.pts for packet in packets if packet.is_shown]
    if None in shown_pts or len(set(shown_pts)) < len(shown_pts):
        return None
    position_of = {packet.pts: number for number, packet in enumerate(packets)}
    ranges: list[PacketRange] = []
    for last in sorted(position_of[pts] for pts in set(wanted_pts)):
        first, start = _key_packet_before(packets, last)
        if ranges and first <= ranges[-1].last + 1:
            ranges[-1] = PacketRange(ranges[-1].first, last, ranges[-1].start)
        else:
            ranges.append(PacketRange(first, last, start))
    return ranges


def _key_packet_before(packets: Sequence[PacketInfo], position: int) -> tuple[int, int | None]:
    wanted = packets[position].pts
    for number in range(position, 0, -1):
        packet = packets[number]
        pts = packet.pts
        if packet.is_key and pts is not None and wanted is not None and pts <= wanted:
            return number, pts
    return 0, None


def can_skip_unreferenced(stream: VideoStream) -> bool:
    """Whether the decoder can leave out frames that no other refers to, and no others.

    H.264 and MPEG mark them for good. HEVC marks what its own temporal layer does not refer to, so
    a stream must say, in its header's byte 21, that it has a single layer. Others ignore the wish.
    """
    context = stream.codec_context
    if context.codec.canonical_name == "hevc":
        header = context.extradata or b""
        return len(header) > 21 and header[0] == 1 and (header[21] >> 3) & 7 == 1
    return context.codec.canonical_name in {"h264", "mpeg1video", "mpeg2video", "mpeg4"}
