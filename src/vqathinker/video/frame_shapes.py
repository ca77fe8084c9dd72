"""Whether the frames of a video keep their size, pixel format and orientation to its end.

A stream may change all three at a key frame: recordings that were joined, a call that adapts to its
network, a telephone that is turned. Decoding the key frames alone finds that for a small part of
what the whole stream costs.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vqathinker.video.orientation import orientation_of
from vqathinker.video.packets import PacketInfo, demux_to_end

if TYPE_CHECKING:
    from av.packet import Packet

__all__ = ["FrameShape", "describe_changes", "key_frames", "shape_of"]

# Codecs of key frames alone have hundreds; these are spread evenly over the stream.
_MOST_KEY_FRAMES = 64


class FrameShape(NamedTuple):
    """What one frame looks like, before its pixels: as displayed, after rotation."""

    width: int
    height: int
    pixel_format: str
    rotation: int  # degrees counter-clockwise


def shape_of(frame: VideoFrame) -> FrameShape:
    """The shape of a decoded frame."""
    orientation = orientation_of(frame)
    sides = (frame.width, frame.height)
    width, height = sides[::-1] if orientation.swaps_sides else sides
    return FrameShape(width, height, frame.format.name, -orientation.degrees % 360)


def key_frames(
    container: InputContainer, stream: VideoStream, packets: Sequence[PacketInfo]
) -> Iterator[VideoFrame]:
    """Key frames from where the container stands; what cannot be decoded is left out.

    Args:
        container: the video.
        stream: its stream.
        packets: all of the stream, to know how many key frames there are.
    """
    step = -(-sum(packet.is_key for packet in packets) // _MOST_KEY_FRAMES) or 1
    number = 0
    for packet in demux_to_end(container, stream):
        if packet.size and packet.is_keyframe:
            if number % step == 0:
                yield from _frames_of(stream, packet)
            number += 1
    yield from _frames_of(stream, None)


def _frames_of(stream: VideoStream, packet: "Packet[VideoStream] | None") -> list[VideoFrame]:
    try:
        return stream.codec_context.decode(packet)
    except av.error.MemoryError:
        raise
    except av.error.FFmpegError:
        return []


def describe_changes(shapes: Sequence[FrameShape]) -> Iterator[str]:
    """A sentence for each of size, pixel format and rotation that changes.

    >>> a, b = FrameShape(64, 48, "yuv420p", 0), FrameShape(96, 48, "yuv420p", 0)
    >>> list(describe_changes([a, a, b]))
    ['the size of its frames changes: 64x48, 96x48']
    """
    values = {
        "size": [f"{shape.width}x{shape.height}" for shape in shapes],
        "pixel format": [shape.pixel_format for shape in shapes],
        "rotation": [f"{shape.rotation} degrees" for shape in shapes],
    }
    for name, of_shapes in values.items():
        distinct = list(dict.fromkeys(of_shapes))
        if len(distinct) > 1:
            yield f"the {name} of its frames changes: {', '.join(distinct)}"
