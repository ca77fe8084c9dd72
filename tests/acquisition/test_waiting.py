"""Waiting: for busy servers as long as they ask, and for dead ones no longer than they deserve."""

from datetime import UTC, datetime

import pytest
from tests.acquisition.conftest import PLAIN

from vqathinker.acquisition.download import FolderFile, download
from vqathinker.acquisition.errors import (
    FIRST_WAIT_S,
    OriginError,
    RetryPolicy,
    TransientError,
    parse_retry_after,
    retry,
)
from vqathinker.acquisition.web import WebFile

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
POLICY = RetryPolicy(attempts=8, longest_retry_after_s=120.0)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("Tue, 24 Nov 2026 12:00:30 GMT", 30.0),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0.0),
        (None, None),
        ("-5", None),
        ("soon", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value, seconds):
    assert parse_retry_after(value, NOW) == seconds


def run(outcomes: list[tuple[int, TransientError | None]]) -> None:
    """Each outcome: bytes that are there then, and how the try ends."""
    arrived = 0
    coming = iter(outcomes)

    def attempt() -> None:
        nonlocal arrived
        arrived, error = next(coming)
        if error is not None:
            raise error

    retry(attempt, POLICY, lambda: arrived)


def test_tries_that_bring_bytes_are_not_counted(slept):
    drops = [(1000 * (number + 1), TransientError("dropped")) for number in range(50)]
    run([*drops, (60_000, None)])
    assert len(slept) == 50


def test_tries_that_bring_nothing_new_are_counted_and_their_waits_grow(slept):
    dropping_at_the_same_byte = [(0, TransientError("dropped")) for _ in range(50)]
    with pytest.raises(OriginError, match="dropped"):
        run(dropping_at_the_same_byte)
    for wait, longest in zip(slept, [2, 4, 8, 16, 32, 64, 120], strict=True):
        assert longest / 2 <= wait <= longest


def test_a_server_is_never_asked_earlier_than_it_says(slept):
    run([(0, TransientError("busy", 100.0)), (0, TransientError("busy", 0.0)), (1, None)])
    assert slept[0] == 100.0
    assert slept[1] >= FIRST_WAIT_S


def test_503_is_waited_for_as_long_as_it_asks(site, tmp_path, context, slept):
    address = site.has("/file", b"content", first=[site.status(503, Retry_After="17")])
    download(PLAIN, [WebFile(address)], tmp_path / "file.bin", context)
    assert (tmp_path / "file.bin").read_bytes() == b"content"
    assert slept == [17.0]


def test_a_server_that_stalls_is_left_for_the_next_origin(site, tmp_path, impatient):
    stalling = site.has("/file", bytes(100), always=site.stall(until=10))
    (tmp_path / "copy").write_bytes(b"content")
    origins = [WebFile(stalling), FolderFile(tmp_path / "copy")]
    done = download(PLAIN, origins, tmp_path / "file.bin", impatient)
    assert done.origin == str(tmp_path / "copy")
