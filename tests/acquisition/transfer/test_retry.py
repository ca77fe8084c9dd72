"""RetryPolicy: how long a server is waited for."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqathinker.acquisition.transfer.errors import OriginError, TransientError
from vqathinker.acquisition.transfer.retry import RetryPolicy, parse_retry_after, retry

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
POLICY = RetryPolicy(
    attempts=4,
    first_wait_s=2.0,
    longest_wait_s=10.0,
    longest_retry_after_s=120.0,
    connect_timeout_s=1.0,
    read_timeout_s=1.0,
    slowest_bytes_per_s=1.0,
)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Tue, 24 Nov 2026 12:00:30 GMT", 30.0),
        ("Tuesday, 24-Nov-26 12:00:30 GMT", 30.0),  # the obsolete form of RFC 850
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0.0),
        (None, None),
        ("", None),
        ("-5", None),
        ("soon", None),
        ("1e3", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, NOW) == seconds


@given(failures=st.integers(1, 10_000), seed=st.integers(0, 2**32))
def test_a_wait_lies_between_half_and_all_of_the_doubled_one(failures: int, seed: int) -> None:
    longest = min(10.0, 2.0 * 2.0 ** min(failures - 1, 20))
    assert longest / 2 <= POLICY.backoff_s(failures, np.random.default_rng(seed)) <= longest


def run(outcomes: list[tuple[int, TransientError | None]]) -> list[float]:
    """Each outcome: bytes that are there then, and how the try ends; returns the waits."""
    slept: list[float] = []
    arrived = 0
    coming = iter(outcomes)

    def attempt() -> None:
        nonlocal arrived
        arrived, error = next(coming)
        if error is not None:
            raise error

    retry(attempt, lambda: arrived, POLICY, np.random.default_rng(0), slept.append)
    return slept


def test_a_success_ends_the_tries() -> None:
    assert run([(5, None)]) == []


def test_tries_that_bring_bytes_are_not_counted() -> None:
    drops = [(1000 * (number + 1), TransientError("dropped")) for number in range(50)]
    assert len(run([*drops, (60_000, None)])) == 50


def test_tries_that_bring_nothing_new_are_counted() -> None:
    dropping_at_the_same_byte = [(1000, TransientError("dropped")) for _ in range(50)]
    with pytest.raises(OriginError, match="dropped, 4 times in a row"):
        run(dropping_at_the_same_byte)


def test_a_server_is_never_asked_earlier_than_it_says() -> None:
    assert run([(0, TransientError("busy", 100.0)), (1, None)]) == [100.0]


def test_it_may_be_asked_later_than_it_says() -> None:
    (wait,) = run([(0, TransientError("busy", 0.0)), (1, None)])
    assert wait >= 1.0


def test_a_longer_pause_than_allowed_ends_the_tries_at_once() -> None:
    with pytest.raises(OriginError, match="busy; asks to come back in 121 s"):
        run([(0, TransientError("busy", 120.5))])


def test_what_does_not_pass_goes_through() -> None:
    def attempt() -> None:
        raise OriginError("404")

    with pytest.raises(OriginError, match=r"^404$"):
        retry(attempt, lambda: 0, POLICY, np.random.default_rng(0), lambda seconds: None)
