"""Find out what a video shows, the same way for manifests and for clips.

Every packet is read. Where packets tell what is shown, nothing is decoded; else everything is.
"""

from pathlib import Path
from typing import NamedTuple

from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vqathinker.video.container import open_video
from vqathinker.video.damage import DamagedVideo
from vqathinker.video.every_frame import decode_every_frame
from vqathinker.video.frame_shapes import FrameShape, shape_of
from vqathinker.video.packets import PacketInfo, marked_damage, scan_packets
from vqathinker.video.promises import require_promised_duration, require_whole_index
from vqathinker.video.timeline import (
    FrameTime,
    Timeline,
    timeline_of_frames,
    timeline_of_packets,
)

__all__ = ["ShownFrames", "find_shown_frames"]

_CUT_OFF = "ended prematurely"  # how FFmpeg's demultiplexers say that there is no other damage


class ShownFrames(NamedTuple):
    """What a video shows.

    Attributes:
        packets: of its stream, in the order of the file.
        timeline: its frames; with `pts` where the packets told them.
        first: the first frame, where all were decoded.
        shapes: the distinct shapes of frames in order, where all were decoded; else empty.
    """

    packets: list[PacketInfo]
    timeline: Timeline
    first: VideoFrame | None
    shapes: list[FrameShape]


def find_shown_frames(container: InputContainer, stream: VideoStream, path: Path) -> ShownFrames:
    """What the video shows that was just opened; it is read to its end.

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
    if timeline is not None:
        return ShownFrames(packets, timeline, None, [])
    with open_video(path) as (again, same_stream):  # not every format can go back
        times, shapes, first = [], dict[FrameShape, None](), None
        for frame in decode_every_frame(again, same_stream, packets, path):
            times.append(FrameTime(frame.pts, frame.dts, frame.duration or 0))
            shapes[shape_of(frame)] = None
            first = first or frame
        timeline = timeline_of_frames(again, same_stream, times)
        return ShownFrames(packets, timeline, first, list(shapes))
