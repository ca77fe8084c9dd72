"""What a header promises, compared with what the file holds.

Decoders end a truncated file silently (measured: decord samples the half that is left), so where a
header says how long the video is, what is missing is noticed. Numbers of frames are not believed:
players play what is there, and so do we.
"""

import re
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from vqathinker.video.damage import DamagedVideo

__all__ = ["require_promised_duration", "require_whole_index"]

# Containers whose header says how long they are; for others libav estimates. ASF (wmv) is none of
# them: it tells the longest stream alone, and libav believes it in whole files only.
_PROMISING_CONTAINERS = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "flv", "mxf"}
# A stream may end a little before its promised duration: rounding, a last frame without length.
_DURATION_SLACK_S = 0.5
_DURATION_SLACK_SHARE = 0.05
_MATROSKA_DURATION = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")


def require_whole_index(stream: VideoStream, path: Path) -> None:
    """Raises DamagedVideo, cut_short, when an index of all frames leads beyond the file's end."""
    index = list(stream.index_entries or [])
    if not index or len(index) != stream.frames:
        return
    file_size = path.stat().st_size
    frames_in_file = sum(entry.pos + entry.size <= file_size for entry in index)
    if frames_in_file < len(index):
        promised = f"the header promises {len(index)} frames"
        reason = f"cut short: {promised}, the file holds {frames_in_file}"
        raise DamagedVideo(path, "cut_short", reason)


def require_promised_duration(
    container: InputContainer, stream: VideoStream, span: tuple[int, int] | None, path: Path
) -> None:
    """Raises DamagedVideo, cut_short, when the packets take less time than the header says.

    Args:
        container: the video.
        stream: its stream.
        span: when its packets begin and end, in ticks; None where they have no times.
        path: the video, for the message.
    """
    promised_s = _promised_duration(container, stream)
    if promised_s is None:
        return
    begin, end = span or (0, 0)
    # Some headers count from the first picture, hidden or not, others from the clock's zero.
    held_s = float(max(end, end - begin) * (stream.time_base or 0))
    slack_s = max(_DURATION_SLACK_S, _DURATION_SLACK_SHARE * promised_s)
    if held_s < promised_s - slack_s:
        reason = f"cut short: the header promises {promised_s:.2f} s, the file holds {held_s:.2f} s"
        raise DamagedVideo(path, "cut_short", reason)


def _promised_duration(container: InputContainer, stream: VideoStream) -> float | None:
    """Seconds of the video stream; None where the header says nothing of it."""
    if container.format.name not in _PROMISING_CONTAINERS:
        return None
    if stream.duration:
        return float(stream.duration * (stream.time_base or 0))
    written = _MATROSKA_DURATION.fullmatch(stream.metadata.get("DURATION", ""))
    if written:
        return int(written[1]) * 3600 + int(written[2]) * 60 + float(written[3])
    if container.duration and len(container.streams) == 1:
        return container.duration / av.time_base
    return None
