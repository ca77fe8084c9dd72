"""Open a video file with PyAV, or say by name why it is none.

Files come from strangers: only local files and known containers are opened (a playlist called .mp4
would fetch what it names), and frames beyond `MAX_PIXELS` are refused before they are decoded, by
the decoder too, since headers lie.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import av.error
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from vqathinker.video.damage import DamagedVideo

__all__ = ["MAX_PIXELS", "open_video"]

MAX_PIXELS = 8192 * 8192  # 8K and its square relatives; a 16k×16k frame takes 1.2 GB as RGB and YUV

_KNOWN_CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "mpegts", "mpeg", "mpegvideo", "flv", "asf",
    "ogg", "yuv4mpegpipe", "ivf", "mxf", "h264", "hevc",
)  # fmt: skip
_OPEN_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": ",".join(_KNOWN_CONTAINERS),
}
# The first box of an mp4 or QuickTime file.
_FIRST_MP4_BOXES = {b"ftyp", b"mdat", b"moov", b"free", b"skip", b"wide", b"pnot"}


@contextmanager
def open_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The opened container and its first moving video stream, which decodes in one thread.

    More threads would hide damage: with frame threads, libav drops the marks of broken frames
    (measured).

    Raises:
        FileNotFoundError: nothing is there.
        DamagedVideo: not_a_file, unreadable, empty, no_container, no_index, no_video_stream,
            no_decoder or too_large.
    """
    first_bytes = _read_first_bytes(path)
    try:
        container = av.open(f"file:{path}", options=_OPEN_OPTIONS)
    except av.error.MemoryError:
        raise
    except av.error.FFmpegError as error:
        raise _opening_failure(path, first_bytes, error) from error
    with container:
        stream = _first_video_stream(container, path)
        stream.codec_context.thread_count = 1
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        yield container, stream


def _read_first_bytes(path: Path) -> bytes:
    """The first bytes of a file that is there, regular, readable and not empty."""
    try:
        if not path.exists():
            raise FileNotFoundError(f"{path}: no such video file")
        if not path.is_file():  # a pipe would block whoever opens it
            raise DamagedVideo(path, "not_a_file", "not a regular file")
        with path.open("rb") as file:
            first_bytes = file.read(12)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DamagedVideo(path, "unreadable", f"cannot be read ({error.strerror})") from error
    if not first_bytes:
        raise DamagedVideo(path, "empty", "empty file (0 bytes)")
    return first_bytes


def _opening_failure(path: Path, first_bytes: bytes, error: av.error.FFmpegError) -> DamagedVideo:
    if first_bytes[4:8] in _FIRST_MP4_BOXES and isinstance(error, av.error.InvalidDataError):
        reason = "its index (moov) is missing or damaged: cut off, or never finished"
        return DamagedVideo(path, "no_index", reason)
    reason = f"no video container, or its header is damaged ({error.strerror})"
    return DamagedVideo(path, "no_container", reason)


def _first_video_stream(container: InputContainer, path: Path) -> VideoStream:
    # A cover picture is a video stream to libav.
    moving_streams = (
        s for s in container.streams.video if not s.disposition & Disposition.attached_pic
    )
    stream = next(moving_streams, None)
    if stream is None:
        raise DamagedVideo(path, "no_video_stream", "no video stream in the file")
    if stream.codec_context is None:
        raise DamagedVideo(path, "no_decoder", "no decoder for the codec of its video stream")
    if stream.width * stream.height > MAX_PIXELS:
        reason = f"frames of {stream.width}x{stream.height} pixels, more than {MAX_PIXELS}"
        raise DamagedVideo(path, "too_large", reason)
    return stream
