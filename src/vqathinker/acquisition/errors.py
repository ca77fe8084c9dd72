"""Errors of downloading and unpacking, one type for each outcome, and retries.

After a TransientError the same origin is tried again, with exponential backoff. After an
OriginError, the next origin is tried. All others end the download.
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

# Longest wait before the second attempt, which then doubles, and its upper bound.
FIRST_WAIT_S, LONGEST_WAIT_S = 2.0, 120.0
CONNECT_TIMEOUT_S = 20.0
READ_TIMEOUT_S = 60.0  # between two reads


class TransferError(RuntimeError):
    """A download or an unpacking failed; the message contains no secret."""


class TransientError(TransferError):
    """A failure that may pass: a dropped connection, a stalled or overloaded server.

    `retry_after_s` is the pause that the server asked for, in seconds, or None.
    """

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class OriginError(TransferError):
    """This origin does not deliver the file; another one may."""


class GoneError(OriginError):
    """The origin has no such file."""


class WrongContentError(OriginError):
    """A file is not the expected one."""


class DiskFullError(TransferError):
    """There is too little free space; the message names the bytes needed and free."""


class UnsafeError(TransferError):
    """A path leads out of its folder, or an archive contains links, devices or too much."""


class DamagedArchiveError(TransferError):
    """An archive cannot be read: truncated, corrupt, of another format, or wrong password."""


class ConflictError(TransferError):
    """A file of an archive would overwrite something else."""


def conflict_error(path: Path) -> ConflictError:
    """Error for a path that is taken by something else."""
    return ConflictError(
        f"{path} exists with other content and is kept; move it away, then run the command again"
    )


def require_space(path: Path, needed: int) -> None:
    """Raise DiskFullError unless `needed` bytes are free on the disk of a file or folder."""
    free = shutil.disk_usage(path if path.is_dir() else path.parent).free
    if needed > free:
        raise DiskFullError(
            f"{path}: not enough space: {needed:,} more bytes needed, {free:,} free. Free some, or "
            "move the folder to another disk, then run the same command again to resume."
        )


@dataclass(frozen=True)
class RetryPolicy:
    """When to give up on an origin.

    Args:
        attempts: after so many attempts in a row without a new byte.
        longest_retry_after_s: if it asks for a longer pause than this.
    """

    attempts: int = 6
    longest_retry_after_s: float = 900.0


def retry(
    attempt: Callable[[], _Result], policy: RetryPolicy, received: Callable[[], int] = lambda: 0
) -> _Result:
    """Call `attempt` until it succeeds; wait after each TransientError.

    Args:
        attempt: function to call; all its other errors are raised.
        policy: when to give up.
        received: returns the bytes received; an increase resets the count of attempts.

    Raises:
        OriginError: the policy says to give up.
    """
    # Unseeded: the jobs of a cluster must not retry in step, and no result depends on the waits.
    rng = np.random.default_rng()
    most, failures = received(), 0
    while True:
        try:
            return attempt()
        except TransientError as error:
            retry_after, reason = error.retry_after_s or 0.0, str(error)
        failures = 1 if received() > most else failures + 1
        most = max(most, received())
        if retry_after > policy.longest_retry_after_s:
            raise OriginError(f"{reason}; asks to come back in {math.ceil(retry_after)} s")
        if failures >= policy.attempts:
            raise OriginError(f"{reason}, {failures} times in a row")
        backoff = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** (failures - 1))
        wait = max(retry_after, backoff * rng.uniform(0.5, 1.0))
        _log.info("%s; next attempt in %.1f s, %d bytes received", reason, wait, received())
        sleep(wait)


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header (RFC 9110) asks for; None if it is absent or malformed.

    It holds seconds or an HTTP date; a date before `now` gives 0.
    """
    if value and value.strip().isdecimal():
        return float(value)
    try:
        date = parsedate_to_datetime(value or "")
    except ValueError:
        return None
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds())
