"""How long to wait for a server, and how often to come back.

Waits double from try to try and are drawn at random below that (as exponential backoff with jitter
is usually done), so that the jobs of a cluster do not come back in step. A server that says when to
come back (Retry-After, RFC 9110 section 10.2.3) is never asked earlier.

The loop is our own: tenacity knows no progress, so the count since the last new byte, the bound of
Retry-After and the drawn waits would all be callbacks of ours, in twice as many lines.
"""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import numpy as np

from vqathinker.acquisition.transfer.errors import OriginError, TransientError

__all__ = ["RetryPolicy", "parse_retry_after", "retry"]

_log = logging.getLogger(__name__)

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class RetryPolicy:
    """Limits of waiting.

    Args:
        attempts: tries in a row that bring no new byte, after which an origin is left.
        first_wait_s: longest wait before the second try, in seconds; doubled before each other.
        longest_wait_s: where the doubling ends.
        longest_retry_after_s: an origin that asks for a longer pause than this is left.
        connect_timeout_s: for a connection to stand.
        read_timeout_s: for the next bytes to come.
        slowest_bytes_per_s: an origin slower than this over `read_timeout_s` counts as stalled.
    """

    attempts: int
    first_wait_s: float
    longest_wait_s: float
    longest_retry_after_s: float
    connect_timeout_s: float
    read_timeout_s: float
    slowest_bytes_per_s: float

    def backoff_s(self, failures: int, rng: np.random.Generator) -> float:
        """Seconds to wait after so many failures in a row: half to all of the doubled wait."""
        longest = min(self.longest_wait_s, self.first_wait_s * 2.0 ** min(failures - 1, 60))
        return longest * float(rng.uniform(0.5, 1.0))


def retry(
    attempt: Callable[[], _Result],
    received: Callable[[], int],
    policy: RetryPolicy,
    rng: np.random.Generator,
    sleep: Callable[[float], None],
) -> _Result:
    """Call `attempt` until it succeeds; what it raises as transient is waited for.

    Args:
        attempt: may raise TransientError.
        received: bytes that have come; more than ever before starts the count of tries anew.
        policy: limits of waiting.
        rng: draws the waits.
        sleep: waits so many seconds.

    Returns:
        What `attempt` does.

    Raises:
        OriginError: too many failures in a row, or a pause longer than allowed is asked for. What
            else `attempt` raises goes through.
    """
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
        wait = max(retry_after, policy.backoff_s(failures, rng))
        _log.info("%s; trying again in %.1f s, %d bytes are here", reason, wait, received())
        sleep(wait)


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for; None without one or when nobody can read it.

    Args:
        value: seconds, or a date as in HTTP.
        now: with a time zone; a date before it means 0 seconds.
    """
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - now).total_seconds())
