"""What may be wrong with a video: the statuses that manifests, clip stores and tables know.

A manifest row is `ok`, `missing` (no such file), or has one of `STATUSES`. A status is for
counting and looking up, the reason beside it is a sentence for the user. Whatever cannot be
decoded gets one of them: nothing hangs, stops its shard or passes in silence. What the outside did
to a job is none of them (`disturbance`).
"""

from pathlib import Path
from typing import NamedTuple

__all__ = ["STATUSES", "DamagedVideo", "Failure"]

STATUSES = {
    "not_a_file": "a folder, pipe, socket or device",
    "empty": "0 bytes",
    "no_container": "no video container: a web page, rubbish, a header damaged beyond recognition",
    "elsewhere": "an mp4 that names another file or an address as the place of its pictures",
    "no_index": "an mp4 cut off before its index (moov)",
    "no_video_stream": "sound alone",
    "no_decoder": "a codec that no decoder here knows",
    "no_frames": "a video stream in which no frame can be decoded",
    "cut_short": "the file ends before what its header promises",
    "damaged_start": "a recording that begins inside a group of pictures",
    "wrong_count": "readers or packets count other frames than are decoded",
    "corrupt": "pictures that the decoder calls damaged, or that do not come out of it",
    "too_large": "frames of more pixels than are ever decoded",
    "timeout": "takes more processor time than its limit, also alone",
    "out_of_memory": "needs more than its memory limit, also alone",
    "crashed": "takes the decoding process down with it, also alone",
}


class Failure(NamedTuple):
    """Why a video has no clip: one of `STATUSES`, and a sentence that names no path."""

    status: str
    reason: str


class DamagedVideo(Exception):  # noqa: N818  what it is, not what went wrong with us
    """A video that cannot be used.

    Attributes:
        path: the video.
        status: one of `STATUSES`.
        reason: a sentence for the user that names no path.
    """

    def __init__(self, path: Path, status: str, reason: str) -> None:
        if status not in STATUSES:
            raise ValueError(f"status {status!r}: expected one of {', '.join(STATUSES)}")
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.status = status
        self.reason = reason

    def __reduce__(self) -> tuple[type["DamagedVideo"], tuple[Path, str, str]]:
        return DamagedVideo, (self.path, self.status, self.reason)

    @property
    def failure(self) -> Failure:
        """Status and reason together."""
        return Failure(self.status, self.reason)
