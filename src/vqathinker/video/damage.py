"""Two kinds of failures: damage of a video, and problems outside it.

`DamagedVideo` is a fact about a video and is recorded: a manifest row is `ok`, `missing` (no such
file), or has one of `STATUSES`. A stalled disk, a vanished file or a killed process says nothing
about the video. It raises `JobError`, which is never recorded.
"""

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

STATUSES = {
    "not_a_file": "a folder, pipe, socket or device",
    "empty": "0 bytes",
    "no_container": "no video container: a web page, random bytes, an unreadable header",
    "no_index": "an mp4 without its index (moov), mostly because it is truncated",
    "no_video_stream": "sound only",
    "no_decoder": "a codec without a decoder",
    "no_frames": "a video stream in which no frame can be decoded",
    "cut_short": "the file is shorter than its header states, in seconds or frames",
    "damaged_start": "a recording that starts inside a group of pictures",
    "wrong_count": "the number of decoded frames differs from that of the packets or the reader",
    "corrupt": "frames that the decoder flags as damaged or cannot decode",
    "too_large": "frames with more pixels than the limit",
    "timeout": "exceeded the limit of processor time twice",
    "out_of_memory": "exceeded the limit of memory twice",
    "crashed": "crashed the decoding process twice",
}

_CHUNK_BYTES = 1 << 22


class Failure(NamedTuple):
    """Why a video has no clip: one of `STATUSES`, and a reason, which does not contain the path."""

    status: str
    reason: str


class DamagedVideo(Exception):  # noqa: N818  a fact about the video, not an error of the program
    """A video cannot be used; status and reason as in `Failure`."""

    def __init__(self, path: Path, status: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.status = status
        self.reason = reason
        self.failure = Failure(status, reason)

    def __reduce__(self) -> tuple[type["DamagedVideo"], tuple[Path, str, str]]:
        return DamagedVideo, (self.path, self.status, self.reason)


class JobError(RuntimeError):
    """A job failed for a reason outside the videos; the message explains what to do."""


@contextmanager
def require_stable_file(path: Path) -> Iterator[None]:
    """Raise JobError if the file vanished, changed or cannot be read during the block.

    A DamagedVideo of the block passes only if the file is readable and unchanged.
    """
    where = f"{path} on {platform.node()}"
    try:
        before = size_and_time(path)
        try:
            yield
        except DamagedVideo:
            _read_whole_file(path)
            raise
        finally:
            if size_and_time(path) != before:
                raise JobError(
                    f"{where}: the file changed while it was read; wait until it is complete"
                )
    except FileNotFoundError:
        raise JobError(
            f"{where}: the file has disappeared; restore it, or recreate the manifest"
        ) from None
    except OSError as error:
        raise JobError(
            f"{where}: cannot be read ({error.strerror or error}); check the disk, network folder "
            "or permissions, or remove the file and recreate the manifest"
        ) from error


def size_and_time(path: Path) -> tuple[int, int]:
    """Size of a file in bytes and modification time in ns. Raises OSError."""
    facts = path.stat()
    return facts.st_size, facts.st_mtime_ns


def _read_whole_file(path: Path) -> None:
    """Raise OSError if any byte is unreadable: libav does not tell this from a truncated file."""
    if path.is_file():  # opening a named pipe would block
        with path.open("rb", buffering=0) as file:
            while file.read(_CHUNK_BYTES):
                pass
