"""Errors of downloads and unpacking, one type per outcome, and retries.

A TransientError is retried at the same origin, with exponential backoff. After an OriginError, the
next origin is tried. All other errors end the download.
"""

import logging
import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from time import sleep
from typing import TypeVar

import numpy as np

_log = logging.getLogger(__name__)

_Result = TypeVar("_Result")

# The longest wait before the second attempt. It doubles each time, up to the upper bound.
FIRST_WAIT_S, MAX_WAIT_S = 2.0, 120.0
CONNECT_TIMEOUT_S = 20.0
READ_TIMEOUT_S = 60.0  # without a new byte


class TransferError(RuntimeError):
    """A download or unpacking failed; the message contains no secret."""


class TransientError(TransferError):
    """A temporary failure: a dropped connection, a stalled or overloaded server.

    `retry_after_s` is the pause in seconds that the server asked for, or None.
    """

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class OriginError(TransferError):
    """This origin does not deliver the file; another one may."""


class NotFoundError(OriginError):
    """The origin has no such file."""


class WrongContentError(OriginError):
    """A file does not have the expected content."""


class DiskFullError(TransferError):
    """The disk has too little free space; the message gives the bytes needed and free."""


class UnsafeError(TransferError):
    """A path leads out of its folder, or an archive contains links, devices or too many bytes."""


class DamagedArchiveError(TransferError):
    """An archive cannot be read: truncated, corrupt, unsupported, or with a wrong password."""


class ConflictError(TransferError):
    """A file of an archive would overwrite something else."""


def make_conflict_error(path: Path) -> ConflictError:
    """Build the error for a path that already holds something else."""
    return ConflictError(
        f"{path} exists with different content; move it elsewhere and rerun the same command"
    )


def require_space(path: Path, needed: int) -> None:
    """Raise DiskFullError unless `needed` bytes are free on the disk of a file or folder."""
    free = shutil.disk_usage(path if path.is_dir() else path.parent).free
    if needed > free:
        raise DiskFullError(
            f"{path}: disk full: {needed:,} more bytes needed, {free:,} free. Free some space or "
            "move the folder to another disk, then rerun the same command to resume."
        )


@dataclass(frozen=True)
class RetryPolicy:
    """When to give up on an origin.

    Args:
        attempts: give up after this many attempts in a row without a new byte.
        max_retry_after_s: give up if the server asks for a longer pause than this.
    """

    attempts: int = 6
    max_retry_after_s: float = 900.0


def retry(
    attempt: Callable[[], _Result], policy: RetryPolicy, received: Callable[[], int] = lambda: 0
) -> _Result:
    """Call `attempt` until it succeeds; wait after each TransientError.

    Args:
        attempt: function to call; its other errors are raised.
        policy: when to give up.
        received: returns the number of bytes received; an increase resets the count of attempts.

    Raises:
        OriginError: the policy says to give up.
    """
    # Unseeded: jobs of a cluster must not retry in step, and no result depends on the waits.
    rng = np.random.default_rng()
    most, failures = received(), 0
    while True:
        try:
            return attempt()
        except TransientError as error:
            retry_after, reason = error.retry_after_s or 0.0, str(error)
        failures = 1 if received() > most else failures + 1
        most = max(most, received())
        if retry_after > policy.max_retry_after_s:
            raise OriginError(f"{reason}; asks to retry in {math.ceil(retry_after)} s")
        if failures >= policy.attempts:
            raise OriginError(f"{reason}, {failures} times in a row")
        backoff = min(MAX_WAIT_S, FIRST_WAIT_S * 2.0 ** (failures - 1))
        wait = max(retry_after, backoff * rng.uniform(0.5, 1.0))
        _log.info("%s; next attempt in %.1f s, %d bytes received", reason, wait, received())
        sleep(wait)


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Parse a Retry-After header (RFC 9110) into seconds; None if it is absent or malformed.

    The header holds seconds or an HTTP date. A date before `now` gives 0.
    """
    if value and value.strip().isdecimal():
        return float(value)
    try:
        date = parsedate_to_datetime(value or "")
    except ValueError:
        return None
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds())
