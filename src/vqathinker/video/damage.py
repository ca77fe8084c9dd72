"""What may be wrong with a video, and what may keep a healthy one from being read.

`DamagedVideo` is a fact about a video and is recorded: a manifest row is `ok`, `missing` (no such
file), or has one of `STATUSES`. A disk that stalls, a file that vanishes or a process that is
killed says nothing about the video: `DisturbedJobError` is never recorded.
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
    "no_index": "an mp4 cut off before its index (moov)",
    "no_video_stream": "sound only",
    "no_decoder": "a codec without a decoder",
    "no_frames": "a video stream in which no frame can be decoded",
    "cut_short": "the file ends before the duration or frames that its header gives",
    "damaged_start": "a recording that begins inside a group of pictures",
    "wrong_count": "readers or packets count other frames than are decoded",
    "corrupt": "frames that the decoder marks as damaged, or cannot decode",
    "too_large": "frames of more pixels than are ever decoded",
    "timeout": "takes more processor time than its limit, twice",
    "out_of_memory": "needs more memory than its limit, twice",
    "crashed": "crashes the decoding process, twice",
}

_CHUNK_BYTES = 1 << 22


class Failure(NamedTuple):
    """Why a video has no clip: one of `STATUSES`, and a sentence that names no path."""

    status: str
    reason: str


class DamagedVideo(Exception):  # noqa: N818  a fact about the video, not an error of the program
    """A video that cannot be used; status and reason as in `Failure`."""

    def __init__(self, path: Path, status: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.status = status
        self.reason = reason
        self.failure = Failure(status, reason)

    def __reduce__(self) -> tuple[type["DamagedVideo"], tuple[Path, str, str]]:
        return DamagedVideo, (self.path, self.status, self.reason)


class DisturbedJobError(RuntimeError):
    """Something outside the videos keeps a job from being done now; the message says what to do."""


@contextmanager
def undisturbed(path: Path) -> Iterator[None]:
    """Let a DamagedVideo pass only if the file itself could be read and did not change meanwhile.

    Raises:
        DisturbedJobError: the file is gone, cannot be read, or changed.
        DamagedVideo: as raised inside the block.
    """
    where = f"{path} on {platform.node()}"
    try:
        before = size_and_time(path)
        try:
            yield
        except DamagedVideo:
            _read_through(path)
            raise
        finally:
            if size_and_time(path) != before:
                raise DisturbedJobError(
                    f"{where}: the file changed while it was read; wait until it is written"
                )
    except FileNotFoundError:
        raise DisturbedJobError(
            f"{where}: the file is gone; bring it back, or make the manifest again without it"
        ) from None
    except OSError as error:
        raise DisturbedJobError(
            f"{where}: it cannot be read ({error.strerror or error}); check the disk, network "
            "folder or permissions, or remove the file and make the manifest again"
        ) from error


def size_and_time(path: Path) -> tuple[int, int]:
    """Size of a file in bytes and its time of modification in ns. Raises OSError."""
    facts = path.stat()
    return facts.st_size, facts.st_mtime_ns


def _read_through(path: Path) -> None:
    """Read every byte: libav does not say whether the file or the system ended the stream early."""
    if path.is_file():  # opening a pipe would block
        with path.open("rb", buffering=0) as file:
            while file.read(_CHUNK_BYTES):
                pass
