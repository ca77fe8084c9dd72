"""What the outside did to a job, told from what a video is.

A disk that stalls, a network folder that goes away, a process that is killed: none of them says
anything about the video that was worked on, so none may ever be recorded as a fact about it.
"""

import platform
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vqathinker.video.damage import DamagedVideo

__all__ = ["Disturbance", "DisturbedJobError", "size_and_time", "undisturbed"]

_CHUNK = 1 << 22


class Disturbance(Exception):  # noqa: N818  what happened, not what is wrong with a video
    """Something outside of a video kept it from being worked on.

    Attributes:
        path: the video.
        what: what happened, in words.
        remedy: what the user can do.
    """

    def __init__(self, path: Path, what: str, remedy: str) -> None:
        super().__init__(f"{path} on {platform.node()}: {what}; {remedy}")
        self.path = path
        self.what = what
        self.remedy = remedy

    def __reduce__(self) -> tuple[type["Disturbance"], tuple[Path, str, str]]:
        return Disturbance, (self.path, self.what, self.remedy)


class DisturbedJobError(RuntimeError):
    """A job that cannot be done now, for a reason that says nothing about any video."""


@contextmanager
def undisturbed(path: Path) -> Iterator[None]:
    """Lets pass what is said of a video only where nothing from outside can have caused it.

    Raises:
        Disturbance: the file is gone, cannot be read, or changed meanwhile.
        DamagedVideo: as raised inside, and the system gives every byte of the file.
    """
    try:
        before = size_and_time(path)
        try:
            yield
        except DamagedVideo:
            _read_through(path)
            _require_unchanged(path, before)
            raise
        _require_unchanged(path, before)
    except FileNotFoundError:
        raise Disturbance(
            path, "the file is gone", "bring it back, or make the manifest again without it"
        ) from None
    except OSError as error:
        raise Disturbance(
            path,
            f"it cannot be read ({error.strerror or error})",
            "see to the disk, network folder or permissions, or take the file away: then it counts "
            "as missing once the manifest is made again",
        ) from error


def size_and_time(path: Path) -> tuple[int, int]:
    """Bytes of a file and when it was changed, in ns. Raises OSError."""
    facts = path.stat()
    return facts.st_size, facts.st_mtime_ns


def _require_unchanged(path: Path, before: tuple[int, int]) -> None:
    if size_and_time(path) != before:
        raise Disturbance(
            path, "the file changed while it was read", "wait until whoever writes it is done"
        )


def _read_through(path: Path) -> None:
    """Read every byte: libraries do not say whether a file or the system ended it early."""
    if not stat.S_ISREG(path.stat().st_mode):
        return  # a pipe would block
    with path.open("rb", buffering=0) as file:
        while file.read(_CHUNK):
            pass
