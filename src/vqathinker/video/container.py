"""Open a video file with PyAV and pick its video stream, or name what is wrong with the file.

Files come from strangers, so only local files and known containers are opened (a playlist called
.mp4 would fetch the addresses in it). Frames of more than `MAX_PIXELS` are refused before they are
decoded, and by the decoder too, since headers may lie.
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
# The first box of an mp4 or QuickTime file.
_FIRST_MP4_BOXES = {b"ftyp", b"mdat", b"moov", b"free", b"skip", b"wide", b"pnot"}
# `map_auto_video` of FFmpeg's fftools/ffmpeg_mux_init.c: the mark "default" counts that much.
_DEFAULT_COUNTS_AS_PIXELS = 5_000_000


@contextmanager
def open_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a video; its stream decodes in one thread.

    With frame threads, libav drops the marks of broken frames (measured).

    Raises:
        OSError: nothing is there, or the system refuses to read it.
        DamagedVideo: not_a_file, empty, no_container, no_index, no_video_stream, no_decoder or
            too_large.
    """
    first_bytes = _read_first_bytes(path)
    try:
        # "file:" keeps a colon in the name from being read as a protocol.
        container = av.open(f"file:{path}", options=_OPEN_OPTIONS)
    except av.error.MemoryError:
        raise
    except av.error.FFmpegError as error:
        raise _opening_failure(path, first_bytes, error) from error
    with container:
        stream = _shown_stream(container)
        if stream is None:
            raise DamagedVideo(path, "no_video_stream", "no video stream in the file")
        if stream.codec_context is None:
            raise DamagedVideo(path, "no_decoder", "no decoder for the codec of its video stream")
        if stream.width * stream.height > MAX_PIXELS:
            reason = f"frames of {stream.width}x{stream.height} pixels, more than {MAX_PIXELS}"
            raise DamagedVideo(path, "too_large", reason)
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


def _opening_failure(path: Path, first_bytes: bytes, error: av.error.FFmpegError) -> DamagedVideo:
    if (other := document_in(path)) is not None:
        reason = f"no video container: {other.instead_of('a video')}"
        return DamagedVideo(path, "no_container", reason)
    if first_bytes[4:8] in _FIRST_MP4_BOXES and isinstance(error, av.error.InvalidDataError):
        reason = "its index (moov) is missing or damaged: cut off, or never finished"
        return DamagedVideo(path, "no_index", reason)
    reason = f"no video container, or its header is damaged ({error.strerror})"
    return DamagedVideo(path, "no_container", reason)


def _shown_stream(container: InputContainer) -> VideoStream | None:
    """The stream that ffmpeg shows. Cover pictures, which are video streams to libav, are none."""

    def score(stream: VideoStream) -> int:
        # A stream without a decoder has no size.
        pixels: int = getattr(stream, "width", 0) * getattr(stream, "height", 0)
        return pixels + _DEFAULT_COUNTS_AS_PIXELS * bool(stream.disposition & Disposition.default)

    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    return max(streams, key=score, default=None)
