"""Retries with exponential backoff and jitter.

Jitter keeps the jobs of a cluster from retrying in step. A server that names a pause (Retry-After,
RFC 9110 section 10.2.3) gets no request before it has passed.
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

# Longest wait before the second attempt, which then doubles, and its upper bound.
FIRST_WAIT_S, LONGEST_WAIT_S = 2.0, 120.0
CONNECT_TIMEOUT_S = 20.0
READ_TIMEOUT_S = 60.0  # between two reads


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
    # Unseeded: jobs must not retry in step, and no result depends on the waits.
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
    """Seconds that a Retry-After header asks for; None if it is absent or malformed.

    Args:
        value: seconds or an HTTP date.
        now: with a time zone; a date before it gives 0.
    """
    if value and value.strip().isdecimal():
        return float(value)
    try:
        date = parsedate_to_datetime(value or "")
    except ValueError:
        return None
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds())
