"""How long to wait for a server, and how often to come back.

Waits double from try to try and are drawn at random below that, so that the jobs of a cluster do
not come back in step. A server that says when to come back (Retry-After, RFC 9110 section 10.2.3)
is never asked earlier.
"""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import sleep
from typing import TypeVar

import numpy as np

from vqathinker.acquisition.errors import OriginError, TransientError

_log = logging.getLogger(__name__)

_Result = TypeVar("_Result")

FIRST_WAIT_S = 2.0  # longest wait before the second try; doubled before each other
CONNECT_TIMEOUT_S = 20.0  # for a connection to stand
READ_TIMEOUT_S = 60.0  # for the next bytes to come


@dataclass(frozen=True)
class RetryPolicy:
    """How patient downloads are.

    Args:
        attempts: tries in a row that bring no new byte, after which an origin is left.
        longest_wait_s: where the doubling of waits ends.
        longest_retry_after_s: an origin that asks for a longer pause than this is left.
    """

    attempts: int = 6
    longest_wait_s: float = 120.0
    longest_retry_after_s: float = 900.0


def retry(
    attempt: Callable[[], _Result], policy: RetryPolicy, received: Callable[[], int] = lambda: 0
) -> _Result:
    """Call `attempt` until it succeeds; wait after each TransientError.

    Args:
        attempt: what to do; what it raises but TransientError goes through.
        policy: limits of waiting.
        received: bytes that have come; more than ever before starts the count of tries anew.

    Raises:
        OriginError: too many failures in a row, or a pause longer than allowed is asked for.
    """
    # Without a seed: jobs must not come back in step, and no result depends on the waits.
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
        backoff = min(policy.longest_wait_s, FIRST_WAIT_S * 2.0 ** (failures - 1))
        wait = max(retry_after, backoff * rng.uniform(0.5, 1.0))
        _log.info("%s; trying again in %.1f s, %d bytes are here", reason, wait, received())
        sleep(wait)


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for; None without one or when nobody can read it.

    Args:
        value: seconds, or a date as in HTTP.
        now: with a time zone; a date before it means 0 seconds.
    """
    if value and value.strip().isdecimal():
        return float(value)
    try:
        date = parsedate_to_datetime(value or "")
    except ValueError:
        return None
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds())
