"""Find out what a video shows, the same way for manifests and for clips.

Every packet is read. If the packets determine what is shown, nothing is decoded; else every frame
is, and damaged frames are told from those that no player shows.
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
    marked_damage,
    require_promised_duration,
    require_whole_index,
    scan_packets,
)
from vqathinker.video.timeline import FrameTime, Timeline, timeline_of_frames, timeline_of_packets

_CUT_OFF = "ended prematurely"  # FFmpeg's demultiplexers say so if there is no other damage


def find_shown_frames(
    container: InputContainer, stream: VideoStream, path: Path
) -> tuple[list[PacketInfo], Timeline]:
    """Read a video that was just opened to its end, and return its packets and its frames.

    Raises:
        DamagedVideo: cut_short, corrupt, no_frames or damaged_start.
    """
    require_whole_index(stream, path)
    packets, demuxer_error, span = scan_packets(container, stream, path)
    if not packets:
        raise DamagedVideo(path, "no_frames", "no frame can be decoded (the stream is empty)")
    if demuxer_error is None or _CUT_OFF in demuxer_error:
        require_promised_duration(container, stream, span, path)
    if demuxer_error is not None:
        raise DamagedVideo(path, "corrupt", f"the container is damaged ({demuxer_error})")
    if (number := marked_damage(packets)) is not None:
        raise DamagedVideo(path, "corrupt", f"packet {number} is corrupt")
    timeline = timeline_of_packets(container, stream, packets)
    if timeline is None:
        with open_video(path) as (again, same_stream):  # not every format can seek to its start
            times = [
                FrameTime(frame.pts, frame.dts, frame.duration or 0)
                for frame in decode_every_frame(again, same_stream, packets, path)
            ]
            timeline = timeline_of_frames(again, same_stream, times)
    return packets, timeline


def decode_every_frame(
    container: InputContainer, stream: VideoStream, packets: Sequence[PacketInfo], path: Path
) -> Iterator[VideoFrame]:
    """Frames as ffmpeg shows them, from a container that was just opened.

    Decoders conceal damage but mark what they concealed. Two kinds of packets may fail in a healthy
    video: those before the first frame, where a recording begins inside a group of pictures, and
    those that are shown before the first key frame, where a cut left an open group.

    Raises:
        DamagedVideo: no_frames, damaged_start or corrupt.
    """
    context = stream.codec_context
    # What a decoder conceals without a mark must be an error, too.
    context.options = context.options | {"err_detect": "explode"}
    shown, refusal, is_cut_open = 0, None, False
    # An empty packet says that a frame stays on screen; to the decoder it would be the end.
    filled = (packet for packet in demux_to_end(container, stream) if packet.size)
    for packet in chain(filled, [None]):
        leads = packet is not None and _leads(packet.pts, packets[0])
        is_cut_open |= leads
        try:
            frames = context.decode(packet)
        except av.error.MemoryError:
            raise
        except av.error.FFmpegError as error:
            if leads or (is_cut_open and not shown):  # frames that refer to what the cut left out
                continue
            if shown:
                reason = f"decoding stopped after {shown} frames ({error.strerror})"
                raise DamagedVideo(path, "corrupt", reason) from error
            refusal = refusal or error.strerror
            continue
        for frame in frames:
            if not shown:
                _require_whole_start(frame, refusal, packets, path)
            elif frame.is_corrupt:
                raise DamagedVideo(path, "corrupt", f"frame {shown} is corrupt")
            shown += 1
            yield frame
    if not shown:
        reason = refusal or "the stream is empty"
        raise DamagedVideo(path, "no_frames", f"no frame can be decoded ({reason})")


def _leads(pts: int | None, first: PacketInfo) -> bool:
    return first.is_key and pts is not None and first.pts is not None and pts < first.pts


def _require_whole_start(
    first: VideoFrame, refusal: str | None, packets: Sequence[PacketInfo], path: Path
) -> None:
    # Not every container marks key frames, and decoders drop in silence what comes before one.
    has_key = packets[0].is_key or (first.key_frame and first.pts == packets[0].pts)
    if refusal is None and not first.is_corrupt and has_key:
        return
    why = refusal or "its first picture is corrupt"
    if not has_key:
        why = "it begins inside a group of pictures"
    raise DamagedVideo(path, "damaged_start", f"damaged at its start: {why}")
