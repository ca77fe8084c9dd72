"""A shard is made by one process at a time, and what keeps it from being written is one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vqathinker.phases.locks import HeldError, lock_of, only_writer
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
    try:
        with only_writer(out, lock_of(out), "makes this shard"):
            yield
    except HeldError as error:
        raise DisturbedJobError(str(error)) from None
    except OSError as error:
        raise DisturbedJobError(
            f"{out}: cannot be written ({error.strerror or error}); until it is whole it takes "
            f"twice {frames_bytes} bytes: see to the disk, your quota or `ulimit -f`, and start "
            "again"
        ) from error
