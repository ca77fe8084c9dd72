"""Retries: waits, Retry-After and giving up."""

from datetime import UTC, datetime

import pytest
from tests.acquisition.conftest import PLAIN

from vqathinker.acquisition.download import LocalFile, download
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
POLICY = RetryPolicy(attempts=8, max_retry_after_s=120.0)


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
def test_parse_retry_after(value, seconds):
    assert parse_retry_after(value, NOW) == seconds


def run(outcomes: list[tuple[int, TransientError | None]]) -> None:
    """Outcomes of the attempts: bytes received so far, and the error, if any."""
    arrived = 0
    coming = iter(outcomes)

    def attempt() -> None:
        nonlocal arrived
        arrived, error = next(coming)
        if error is not None:
            raise error

    retry(attempt, POLICY, lambda: arrived)


def test_attempts_that_receive_bytes_are_not_counted(waits):
    drops = [(1000 * (number + 1), TransientError("dropped")) for number in range(50)]
    run([*drops, (60_000, None)])
    assert len(waits) == 50


def test_attempts_without_new_bytes_back_off_and_give_up(waits):
    dropping_at_the_same_byte = [(0, TransientError("dropped")) for _ in range(50)]
    with pytest.raises(OriginError, match="dropped"):
        run(dropping_at_the_same_byte)
    for wait, longest in zip(waits, [2, 4, 8, 16, 32, 64, 120], strict=True):
        assert longest / 2 <= wait <= longest


def test_retry_after_is_respected(waits):
    run([(0, TransientError("busy", 100.0)), (0, TransientError("busy", 0.0)), (1, None)])
    assert waits[0] == 100.0
    assert waits[1] >= FIRST_WAIT_S


def test_503_with_retry_after_is_retried(site, tmp_path, context, waits):
    address = site.serve("/file", b"content", first=[site.status(503, Retry_After="17")])
    download(PLAIN, [WebFile(address)], tmp_path / "file.bin", context)
    assert (tmp_path / "file.bin").read_bytes() == b"content"
    assert waits == [17.0]


def test_stalled_server_falls_back_to_next_origin(site, tmp_path, short_timeouts):
    stalling = site.serve("/file", bytes(100), always=site.stall(until=10))
    (tmp_path / "copy").write_bytes(b"content")
    origins = [WebFile(stalling), LocalFile(tmp_path / "copy")]
    done = download(PLAIN, origins, tmp_path / "file.bin", short_timeouts)
    assert done.origin == str(tmp_path / "copy")
