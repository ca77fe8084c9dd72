"""Which of several video streams is shown: the one that the ffmpeg program takes.

Source: `map_auto_video` of FFmpeg's fftools/ffmpeg_mux_init.c. The mark "default" counts as much as
five million pixels; then the largest picture wins, then the first stream.
"""

from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

__all__ = ["moving_streams", "shown_stream"]

_DEFAULT_COUNTS_AS_PIXELS = 5_000_000


def moving_streams(container: InputContainer) -> list[VideoStream]:
    """Video streams that are no cover picture, which is a video stream to libav."""
    return [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]


def shown_stream(container: InputContainer) -> VideoStream | None:
    """The stream that ffmpeg shows; None where there is none."""
    return max(moving_streams(container), key=_score, default=None)


def _score(stream: VideoStream) -> int:
    marked = bool(stream.disposition & Disposition.default)
    # A stream that nothing here decodes has no size.
    pixels: int = getattr(stream, "width", 0) * getattr(stream, "height", 0)
    return pixels + marked * _DEFAULT_COUNTS_AS_PIXELS
