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

__all__ = ["Packet", "Run", "Scan", "plan_runs", "scan_packets", "skips_unreferenced"]


class Packet(NamedTuple):
    """One packet; times are in ticks of its stream."""

    pts: int | None
    dts: int | None
    duration: int
    size: int
    is_key: bool
    is_shown: bool  # not hidden by an edit list


class Scan(NamedTuple):
    """The packets of a stream, and the first complaint of the demultiplexer about them, if any.

    It goes on behind damage; what it left out would shift the indices of all later frames.
    """

    packets: list[Packet]
    complaint: str | None


@dataclass(frozen=True, slots=True)
class Run:
    """Packets first..last in the order of decoding; `start` is the time of the first, a key frame.

    `start` is None for a run from the start of the stream, which need not begin with a key frame.
    """

    first: int
    last: int
    start: int | None


def scan_packets(container: InputContainer, stream: VideoStream, path: Path) -> Scan:
    """Every packet of the stream, read from where the container stands to its end.

    Raises:
        DamagedVideo: corrupt, where a packet is, or reading stops.
    """
    packets: list[Packet] = []
    level, skips = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)
    try:
        with av.logging.Capture() as said:
            for packet in container.demux(stream):
                if packet.size:
                    packets.append(_facts(packet, len(packets), path))
    except av.error.MemoryError:
        raise
    except av.error.FFmpegError as error:
        reason = f"reading stopped after {len(packets)} packets ({error.strerror})"
        raise DamagedVideo(path, "corrupt", reason) from error
    finally:
        av.logging.set_level(level)
        av.logging.set_skip_repeated(skips)
    complaints = [text.strip() for _, source, text in said if source == container.format.name]
    return Scan(packets, complaints[0] if complaints else None)


def _facts(packet: "av.Packet[VideoStream]", number: int, path: Path) -> Packet:
    if packet.is_corrupt:
        raise DamagedVideo(path, "corrupt", f"packet {number} is corrupt")
    return Packet(
        packet.pts,
        packet.dts,
        packet.duration or 0,
        packet.size,
        packet.is_keyframe,
        not packet.is_discard,
    )


def plan_runs(packets: Sequence[Packet], wanted: Sequence[int]) -> list[Run] | None:
    """The shortest runs of packets that hold the frames at the times `wanted`, in order.

    A key frame serves frames that are shown after it only: those that are decoded after it and
    shown before it (an open group of pictures) may refer to the group before.

    None when packets have no times, or two the same: then only counting frames tells them apart.
    """
    times = [packet.pts for packet in packets if packet.is_shown]
    if None in times or len(set(times)) < len(times):
        return None
    place = {packet.pts: number for number, packet in enumerate(packets)}
    runs: list[Run] = []
    for last in sorted(place[time] for time in set(wanted)):
        first, start = _key_before(packets, last)
        if runs and first <= runs[-1].last + 1:
            runs[-1] = Run(runs[-1].first, last, runs[-1].start)
        else:
            runs.append(Run(first, last, start))
    return runs


def _key_before(packets: Sequence[Packet], place: int) -> tuple[int, int | None]:
    time = packets[place].pts
    for number in range(place, 0, -1):
        key = packets[number]
        if key.is_key and key.pts is not None and time is not None and key.pts <= time:
            return number, key.pts
    return 0, None


def skips_unreferenced(stream: VideoStream) -> bool:
    """Whether the decoder can leave out frames that no other refers to, and no others.

    H.264 and MPEG mark them for good. HEVC marks what its own temporal layer does not refer to, so
    a stream must say, in its header's byte 21, that it has a single layer. Others ignore the wish.
    """
    context = stream.codec_context
    if context.codec.canonical_name == "hevc":
        header = context.extradata or b""
        return len(header) > 21 and header[0] == 1 and (header[21] >> 3) & 7 == 1
    return context.codec.canonical_name in {"h264", "mpeg1video", "mpeg2video", "mpeg4"}
