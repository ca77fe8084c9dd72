"""Open a video file with PyAV and select its video stream, or explain why this is impossible.

Files are untrusted. Only local files in known containers are opened, because a playlist named .mp4
would make libav fetch the addresses in it. Frames of more than `MAX_PIXELS` are refused, both by
this module and by the decoder, because headers may be wrong.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import av.error
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from vqathinker.content import document_in
from vqathinker.video.damage import DamagedVideo

MAX_PIXELS = 8192 * 8192  # 8K; a frame of 16k×16k would take 1.2 GB as RGB and YUV

_CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "mpegts", "mpeg", "mpegvideo", "flv", "asf",
    "ogg", "yuv4mpegpipe", "ivf", "mxf", "h264", "hevc", "m4v", "obu", "gif", "apng", "dv", "nut",
    "rm",
)  # fmt: skip
_OPEN_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": ",".join(_CONTAINERS)}
# Types of the first box of an mp4 or QuickTime file.
_FIRST_MP4_BOXES = {b"ftyp", b"mdat", b"moov", b"free", b"skip", b"wide", b"pnot"}
# ffmpeg selects the stream with the most pixels and adds this to one flagged as default
# (`map_auto_video` of fftools/ffmpeg_mux_init.c).
_DEFAULT_FLAG_PIXELS = 5_000_000


@contextmanager
def open_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a video; yields its container and its video stream.

    Raises:
        OSError: the file does not exist or cannot be read.
        DamagedVideo: not_a_file, empty, no_container, no_index, no_video_stream, no_decoder or
            too_large.
    """
    first_bytes = _read_first_bytes(path)
    try:
        # Without "file:", libav would parse the part of a name before a colon as a protocol.
        container = av.open(f"file:{path}", options=_OPEN_OPTIONS)
    except av.error.MemoryError:
        raise
    except av.error.FFmpegError as error:
        raise _explain_open_error(path, first_bytes, error) from error
    with container:
        stream = _default_stream(container)
        if stream is None:
            raise DamagedVideo(path, "no_video_stream", "no video stream in the file")
        if stream.codec_context is None:
            raise DamagedVideo(path, "no_decoder", "no decoder for the codec of the video stream")
        if stream.width * stream.height > MAX_PIXELS:
            reason = f"frames of {stream.width}x{stream.height} pixels, more than {MAX_PIXELS}"
            raise DamagedVideo(path, "too_large", reason)
        # With frame threads, libav drops the flags of corrupt frames (measured).
        stream.codec_context.thread_count = 1
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        yield container, stream


def _read_first_bytes(path: Path) -> bytes:
    if path.exists() and not path.is_file():  # opening a pipe would block
        raise DamagedVideo(path, "not_a_file", "not a regular file")
    with path.open("rb") as file:
        first_bytes = file.read(8)
    if not first_bytes:
        raise DamagedVideo(path, "empty", "empty file (0 bytes)")
    return first_bytes


def _explain_open_error(
    path: Path, first_bytes: bytes, error: av.error.FFmpegError
) -> DamagedVideo:
    if (other := document_in(path)) is not None:
        reason = f"no video container: {other.instead_of('a video')}"
        return DamagedVideo(path, "no_container", reason)
    if first_bytes[4:8] in _FIRST_MP4_BOXES and isinstance(error, av.error.InvalidDataError):
        reason = "its index (moov) is missing or damaged: cut off, or never finished"
        return DamagedVideo(path, "no_index", reason)
    reason = f"no video container, or its header is damaged ({error.strerror})"
    return DamagedVideo(path, "no_container", reason)


def _default_stream(container: InputContainer) -> VideoStream | None:
    """Select the video stream that ffmpeg selects, skipping cover pictures."""

    def score(stream: VideoStream) -> int:
        # A stream without a decoder has no width and height.
        pixels: int = getattr(stream, "width", 0) * getattr(stream, "height", 0)
        return pixels + _DEFAULT_FLAG_PIXELS * bool(stream.disposition & Disposition.default)

    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    return max(streams, key=score, default=None)
