"""Scan a video for its displayed frames; used for manifests and clips alike.

All packets are read. If they determine the displayed frames, nothing is decoded. Otherwise all
frames are decoded, and damaged frames are distinguished from those that no player displays.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vqathinker.video.container import open_video
from vqathinker.video.damage import DamagedVideo
from vqathinker.video.packets import (
    PacketInfo,
    demux_to_end,
    find_corrupt_packet,
    require_complete_index,
    require_declared_duration,
    scan_packets,
)
from vqathinker.video.timeline import FrameTime, Timeline, timeline_of_frames, timeline_of_packets

_TRUNCATED_MESSAGE = "ended prematurely"  # from FFmpeg's demuxers, if there is no other damage


def scan_video(
    container: InputContainer, stream: VideoStream, path: Path
) -> tuple[list[PacketInfo], Timeline]:
    """Return the packets of a newly opened video and the timeline of its displayed frames.

    Raises:
        DamagedVideo: cut_short, corrupt, no_frames or damaged_start.
    """
    require_complete_index(stream, path)
    packets, demuxer_error, span = scan_packets(container, stream, path)
    if not packets:
        raise DamagedVideo(path, "no_frames", "no frame can be decoded (the stream is empty)")
    if demuxer_error is None or _TRUNCATED_MESSAGE in demuxer_error:
        require_declared_duration(container, stream, span, path)
    if demuxer_error is not None:
        raise DamagedVideo(path, "corrupt", f"the container is damaged ({demuxer_error})")
    if (number := find_corrupt_packet(packets)) is not None:
        raise DamagedVideo(path, "corrupt", f"packet {number} is corrupt")
    timeline = timeline_of_packets(container, stream, packets)
    if timeline is None:
        # Open it again, because not every format can seek to its start.
        with open_video(path) as (again, same_stream):
            times = [
                FrameTime(frame.pts, frame.dts, frame.duration or 0)
                for frame in decode_all_frames(again, same_stream, packets, path)
            ]
            timeline = timeline_of_frames(again, same_stream, times)
    return packets, timeline


def decode_all_frames(
    container: InputContainer, stream: VideoStream, packets: Sequence[PacketInfo], path: Path
) -> Iterator[VideoFrame]:
    """Yield the frames that ffmpeg displays, from a newly opened container.

    Raises:
        DamagedVideo: no_frames, damaged_start or corrupt.
    """
    context = stream.codec_context
    # Decoders conceal damage and flag the frames concerned. This makes unflagged damage an error.
    context.options = context.options | {"err_detect": "explode"}
    # Two kinds of packets may fail in an intact video: those before the first frame, if a recording
    # starts inside a group of pictures, and those displayed before the first key frame, if a cut
    # has split an open group.
    count, first_error, is_open_cut = 0, None, False
    # An empty packet repeats the previous frame; the decoder would treat it as the end.
    packets_with_data = (packet for packet in demux_to_end(container, stream) if packet.size)
    for packet in chain(packets_with_data, [None]):
        precedes = packet is not None and _precedes_first(packet.pts, packets[0])
        is_open_cut |= precedes
        try:
            frames = context.decode(packet)
        except av.error.MemoryError:
            raise
        except av.error.FFmpegError as error:
            if precedes or (is_open_cut and not count):  # refers to frames that the cut removed
                continue
            if count:
                reason = f"decoding stopped after {count} frames ({error.strerror})"
                raise DamagedVideo(path, "corrupt", reason) from error
            first_error = first_error or error.strerror
            continue
        for frame in frames:
            if not count:
                _require_clean_start(frame, first_error, packets, path)
            elif frame.is_corrupt:
                raise DamagedVideo(path, "corrupt", f"frame {count} is corrupt")
            count += 1
            yield frame
    if not count:
        reason = first_error or "the stream is empty"
        raise DamagedVideo(path, "no_frames", f"no frame can be decoded ({reason})")


def _precedes_first(pts: int | None, first: PacketInfo) -> bool:
    return first.is_key and pts is not None and first.pts is not None and pts < first.pts


def _require_clean_start(
    first: VideoFrame, first_error: str | None, packets: Sequence[PacketInfo], path: Path
) -> None:
    # Not every container flags key frames. Decoders silently drop frames before the first of them.
    has_key = packets[0].is_key or (first.key_frame and first.pts == packets[0].pts)
    if first_error is None and not first.is_corrupt and has_key:
        return
    why = first_error or "its first picture is corrupt"
    if not has_key:
        why = "it starts inside a group of pictures"
    raise DamagedVideo(path, "damaged_start", f"damaged at the start: {why}")
