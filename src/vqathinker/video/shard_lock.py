"""A shard is made by one process at a time, and what keeps it from being written is one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from vqathinker.video.disturbance import DisturbedJobError

__all__ = ["writing_alone"]


@contextmanager
def writing_alone(out: Path, frames_bytes: int) -> Iterator[None]:
    """Keep other processes from the shard `out` and the files beside it; its folder is made.

    Args:
        out: the shard.
        frames_bytes: of its frames, at most.

    Raises:
        DisturbedJobError: another process makes it, or the system does not let it be written.
    """
    lock = out.with_name(f".{out.name}.lock")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock, timeout=0):
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)  # while it is held: filelock looks for that
    except Timeout:
        raise DisturbedJobError(
            f"{out}: another process makes this shard; wait for it, or stop it first"
        ) from None
    except OSError as error:
        raise DisturbedJobError(
            f"{out}: cannot be written ({error.strerror or error}); until it is whole it takes "
            f"twice {frames_bytes} bytes: see to the disk, your quota or `ulimit -f`, and start "
            "again"
        ) from error
