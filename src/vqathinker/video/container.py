"""Open a video file with PyAV, or say by name why it is none.

Files come from strangers: only local files and known containers are opened (a playlist called .mp4
would fetch what it names), none that name other files, and frames beyond `MAX_PIXELS` are refused
before they are decoded, by the decoder too, since headers lie.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import av.error
from av.container import InputContainer
from av.format import ContainerFormat
from av.video.stream import VideoStream

from vqathinker.content import document_in
from vqathinker.video.damage import DamagedVideo
from vqathinker.video.libav_log import captured_errors
from vqathinker.video.references import refers_elsewhere
from vqathinker.video.streams import shown_stream

__all__ = ["MAX_PIXELS", "open_video"]

MAX_PIXELS = 8192 * 8192  # 8K and its square relatives; a 16k×16k frame takes 1.2 GB as RGB and YUV

_KNOWN_CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "mpegts", "mpeg", "mpegvideo", "flv", "asf",
    "ogg", "yuv4mpegpipe", "ivf", "mxf", "h264", "hevc", "m4v", "obu", "gif", "apng", "dv", "nut",
    "rm",
)  # fmt: skip
_OPEN_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": ",".join(_KNOWN_CONTAINERS),
}
_NOT_KNOWN = "Format not on whitelist"
_FIRST_BYTES = 8
# The first box of an mp4 or QuickTime file.
_FIRST_MP4_BOXES = {b"ftyp", b"mdat", b"moov", b"free", b"skip", b"wide", b"pnot"}


@contextmanager
def open_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The opened container and the video stream that is shown, which decodes in one thread.

    More threads would hide damage: with frame threads, libav drops the marks of broken frames
    (measured).

    Raises:
        OSError: nothing is there, or the system refuses to read it.
        DamagedVideo: not_a_file, empty, elsewhere, no_container, no_index, no_video_stream,
            no_decoder or too_large.
    """
    first_bytes = _read_first_bytes(path)
    if first_bytes[4:8] in _FIRST_MP4_BOXES and refers_elsewhere(path):
        reason = "it says that its pictures lie in another file or at an address: never opened"
        raise DamagedVideo(path, "elsewhere", reason)
    with captured_errors() as errors:
        try:
            container = av.open(f"file:{path}", options=_OPEN_OPTIONS)
        except av.error.MemoryError:
            raise
        except av.error.FFmpegError as error:
            raise _opening_failure(path, first_bytes, error, errors) from error
    with container:
        stream = shown_stream(container)
        if stream is None:
            raise DamagedVideo(path, "no_video_stream", "no video stream in the file")
        _require_decodable(stream, path)
        stream.codec_context.thread_count = 1
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        yield container, stream


def _read_first_bytes(path: Path) -> bytes:
    """The first bytes of a file that is there, regular, readable and not empty."""
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such video file")
    if not path.is_file():  # a pipe would block whoever opens it
        raise DamagedVideo(path, "not_a_file", "not a regular file")
    with path.open("rb") as file:
        first_bytes = file.read(_FIRST_BYTES)
    if not first_bytes:
        raise DamagedVideo(path, "empty", "empty file (0 bytes)")
    return first_bytes


def _opening_failure(
    path: Path, first_bytes: bytes, error: av.error.FFmpegError, errors: list[tuple[int, str, str]]
) -> DamagedVideo:
    if (other := document_in(path)) is not None:
        reason = f"no video container: {other.instead_of('a video')}"
        return DamagedVideo(path, "no_container", reason)
    if first_bytes[4:8] in _FIRST_MP4_BOXES and isinstance(error, av.error.InvalidDataError):
        reason = "its index (moov) is missing or damaged: cut off, or never finished"
        return DamagedVideo(path, "no_index", reason)
    for _, source, message in errors:
        if message.startswith(_NOT_KNOWN):
            return DamagedVideo(path, "no_container", _not_read(source))
    reason = f"no video container, or its header is damaged ({error.strerror})"
    return DamagedVideo(path, "no_container", reason)


def _not_read(format_name: str) -> str:
    long_name = ContainerFormat(format_name, "r").long_name
    return (
        f"{long_name or format_name} is not among the containers that are read: if it is a video, "
        "convert it with `ffmpeg -i FILE -c:v ffv1 FILE.mkv`"
    )


def _require_decodable(stream: VideoStream, path: Path) -> None:
    if stream.codec_context is None:
        raise DamagedVideo(path, "no_decoder", "no decoder for the codec of its video stream")
    if stream.width * stream.height > MAX_PIXELS:
        reason = f"frames of {stream.width}x{stream.height} pixels, more than {MAX_PIXELS}"
        raise DamagedVideo(path, "too_large", reason)
