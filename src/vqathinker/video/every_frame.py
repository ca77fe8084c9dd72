"""Decode every frame of a video in order, and tell damaged pictures from those that are not.

For videos whose packets do not tell what is shown. What a decoder refuses before its first frame is
the start of a recording that begins inside a group of pictures: nothing is shown before the next
key frame. Every later refusal is damage: libav's decoders conceal, but mark what they concealed.
Only pictures that come after the first key frame and are shown before it, as a cut through an open
group leaves them, are left out by every player.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vqathinker.video.damage import DamagedVideo
from vqathinker.video.packets import PacketInfo, demux_to_end

if TYPE_CHECKING:
    from av.packet import Packet

__all__ = ["decode_every_frame"]


def decode_every_frame(
    container: InputContainer, stream: VideoStream, packets: Sequence[PacketInfo], path: Path
) -> Iterator[VideoFrame]:
    """Frames as ffmpeg shows them, from a container that was just opened.

    Args:
        container: the video.
        stream: its stream.
        packets: of the stream.
        path: the video, for messages.

    Raises:
        DamagedVideo: no_frames, damaged_start or corrupt.
    """
    context = stream.codec_context
    # What a decoder conceals and does not mark must be an error, too.
    context.options = context.options | {"err_detect": "explode"}
    shown, refusal, is_cut_open = 0, None, False
    for packet in _packets_and_end(container, stream):
        leads = packet is not None and _leads(packet.pts, packets[0])
        is_cut_open |= leads
        try:
            frames = context.decode(packet)
        except av.error.MemoryError:
            raise
        except av.error.FFmpegError as error:
            if leads or (is_cut_open and not shown):  # the next ones miss what was left out
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


def _packets_and_end(
    container: InputContainer, stream: VideoStream
) -> Iterator["Packet[VideoStream] | None"]:
    """Packets for the decoder; an empty one says that a frame stays, but there means the end."""
    for packet in demux_to_end(container, stream):
        if packet.size:
            yield packet
    yield None


def _leads(pts: int | None, first: PacketInfo) -> bool:
    return first.is_key and pts is not None and first.pts is not None and pts < first.pts


def _require_whole_start(
    first: VideoFrame, refusal: str | None, packets: Sequence[PacketInfo], path: Path
) -> None:
    # Not every container marks key frames, and decoders leave out in silence what comes before one.
    has_key = packets[0].is_key or (first.key_frame and first.pts == packets[0].pts)
    if refusal is None and not first.is_corrupt and has_key:
        return
    why = refusal or "its first picture is corrupt"
    if not has_key:
        why = "it begins inside a group of pictures"
    raise DamagedVideo(path, "damaged_start", f"damaged at its start: {why}")
