"""Which packets the wanted frames need, and the frames that come out of them alone.

A frame is known by its presentation time, so this is exact at any frame rate, constant or not. To
have frame i, a decoder needs the packets from the key frame before it on; of those, the ones that
no other frame refers to can be left out too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vqathinker.video.packets import PacketInfo

__all__ = ["PacketMismatchError", "PacketRange", "decode_ranges", "plan_packet_ranges"]


class PacketMismatchError(Exception):
    """What the packets promise did not come out of the decoder."""


@dataclass(frozen=True, slots=True)
class PacketRange:
    """Packets first..last in the order of decoding; `start` is the time of the first, a key frame.

    `start` is None for a range from the start of the stream.
    """

    first: int
    last: int
    start: int | None


def plan_packet_ranges(
    packets: Sequence[PacketInfo], wanted_pts: Sequence[int]
) -> list[PacketRange]:
    """The shortest ranges of packets that hold the frames at the times `wanted_pts`, in order.

    Every packet that shows a frame must have a time of its own. A key frame serves frames that are
    shown after it only: those that are decoded after it and shown before it (an open group of
    pictures) may refer to the group before.
    """
    position_of = {packet.pts: number for number, packet in enumerate(packets) if packet.shows}
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


def decode_ranges(
    container: InputContainer,
    stream: VideoStream,
    packets: Sequence[PacketInfo],
    ranges: Sequence[PacketRange],
    wanted_pts: set[int],
) -> Iterator[VideoFrame]:
    """Frames that come out of the decoder when it is fed those ranges and nothing else.

    Raises:
        PacketMismatchError: a frame is damaged, a range does not begin with a key frame, or the
            container could not go back to its first packet.
    """
    context = stream.codec_context
    can_skip = _can_skip_unreferenced(stream)
    _seek_to_start(container, stream, packets)
    demuxed = enumerate(p for p in container.demux(stream) if p.size)
    for packet_range in ranges:
        # A decoder starts at a key frame alone; containers call others so, too.
        awaits_key_frame = packet_range.start is not None
        for number, packet in demuxed:
            if number < packet_range.first or _is_before(packet.pts, packet_range.start):
                continue
            if (packet.pts, packet.size) != (packets[number].pts, packets[number].size):
                raise PacketMismatchError
            # NONREF leaves out what no other frame refers to, which a wanted frame may be.
            may_skip = can_skip and packet.pts not in wanted_pts
            context.skip_frame = "NONREF" if may_skip else "DEFAULT"
            for frame in context.decode(packet):
                _check_frame(frame, packet_range.start if awaits_key_frame else None)
                awaits_key_frame = False
                yield frame
            if number == packet_range.last:
                break
        for frame in context.decode(None):
            _check_frame(frame, packet_range.start if awaits_key_frame else None)
            awaits_key_frame = False
            yield frame
        context.flush_buffers()


def _seek_to_start(
    container: InputContainer, stream: VideoStream, packets: Sequence[PacketInfo]
) -> None:
    first = packets[0]
    ticks = first.pts if first.dts is None else first.dts
    container.seek(ticks or 0, stream=stream)


def _can_skip_unreferenced(stream: VideoStream) -> bool:
    """Whether the decoder can leave out frames that no other refers to, and no others.

    H.264 and MPEG mark them for good. HEVC marks what its own temporal layer does not refer to, so
    a stream must say, in its header's byte 21, that it has a single layer. Others ignore the wish;
    in VP9 and AV1, what a frame teaches the next one about probabilities counts as well.
    """
    context = stream.codec_context
    if context.codec.canonical_name == "hevc":
        header = context.extradata or b""
        return len(header) > 21 and header[0] == 1 and (header[21] >> 3) & 7 == 1
    return context.codec.canonical_name in {"h264", "mpeg1video", "mpeg2video", "mpeg4"}


def _is_before(pts: int | None, start: int | None) -> bool:
    return start is not None and pts is not None and pts < start


def _check_frame(frame: VideoFrame, start: int | None) -> None:
    """Refuse a damaged frame and, where `start` is given, all but the key frame of that time."""
    if frame.is_corrupt or (start is not None and (not frame.key_frame or frame.pts != start)):
        raise PacketMismatchError
