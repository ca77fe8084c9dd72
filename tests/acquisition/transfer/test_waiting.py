"""Waiting: for busy servers as long as they ask, and for dead ones no longer than they deserve."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from vqathinker.acquisition.transfer.address import Address
from vqathinker.acquisition.transfer.context import Clock, DownloadContext
from vqathinker.acquisition.transfer.download import download
from vqathinker.acquisition.transfer.errors import TransferError
from vqathinker.acquisition.transfer.expected_file import ExpectedFile
from vqathinker.acquisition.transfer.folder import FolderFile
from vqathinker.acquisition.transfer.web import WebFile

PLAIN = ExpectedFile("set/file.bin")


def test_503_is_waited_for_as_long_as_it_asks(
    site, tmp_path: Path, context: DownloadContext, slept: list[float]
) -> None:
    address = site.has("/file", b"content", first=[site.status(503, Retry_After="17")])
    download(PLAIN, [WebFile(address)], tmp_path / "file.bin", context)
    assert (tmp_path / "file.bin").read_bytes() == b"content"
    assert slept == [17.0]


def test_a_date_to_come_back_at_is_honoured(
    site, tmp_path: Path, context: DownloadContext, slept: list[float]
) -> None:
    now = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
    then = replace(context, clock=replace(context.clock, now=lambda: now))
    date = format_datetime(now + timedelta(seconds=40), usegmt=True)
    address = site.has("/file", b"content", first=[site.status(429, Retry_After=date)])
    download(PLAIN, [WebFile(address)], tmp_path / "file.bin", then)
    assert slept == [40.0]


def test_a_server_that_asks_for_too_long_a_pause_is_left_for_the_mirror(
    site, make_site: Callable, tmp_path: Path, context: DownloadContext, slept: list[float]
) -> None:
    busy = site.has("/file", b"content", first=[site.status(503, Retry_After="3600")])
    mirror = make_site().has("/copy", b"content")
    done = download(PLAIN, [WebFile(busy), WebFile(mirror)], tmp_path / "file.bin", context)
    assert done.origin == str(mirror)
    assert slept == []


def test_waits_without_retry_after_grow_and_end(
    site, tmp_path: Path, context: DownloadContext, slept: list[float]
) -> None:
    patient = replace(context, policy=replace(context.policy, attempts=6))
    address = site.has("/file", b"content", first=[site.status(500) for _ in range(99)])
    with pytest.raises(TransferError, match="500 Internal Server Error, 6 times in a row"):
        download(PLAIN, [WebFile(address)], tmp_path / "file.bin", patient)
    for wait, longest in zip(slept, [1, 2, 4, 8, 8], strict=True):
        assert longest / 2 <= wait <= longest


def test_a_server_that_stalls_is_left_for_the_next_origin(
    site, tmp_path: Path, impatient: DownloadContext
) -> None:
    stalling = site.has("/file", bytes(100), always=site.stall(until=10))
    (tmp_path / "copy").write_bytes(b"content")
    origins = [WebFile(stalling), FolderFile(tmp_path / "copy")]
    done = download(PLAIN, origins, tmp_path / "file.bin", impatient)
    assert done.origin == str(tmp_path / "copy")


def test_a_server_that_sends_a_byte_now_and_then_counts_as_stalled(
    site, tmp_path: Path, context: DownloadContext
) -> None:
    """No read times out, but by the clock each chunk takes a minute."""
    address = site.has("/file", bytes(3000))
    slow = replace(
        context,
        policy=replace(context.policy, attempts=1),
        clock=replace(context.clock, monotonic=count(0, 60).__next__),
    )
    with pytest.raises(TransferError, match=r"stalled: [\d,]+ bytes in 60 s"):
        download(PLAIN, [WebFile(address)], tmp_path / "file.bin", slow)


def test_a_server_that_is_slow_but_not_that_slow_is_waited_for(
    site, tmp_path: Path, context: DownloadContext
) -> None:
    address = site.has("/file", bytes(3000))
    slow = replace(
        context,
        policy=replace(context.policy, attempts=1, slowest_bytes_per_s=0.01),
        clock=replace(context.clock, monotonic=count(0, 60).__next__),
    )
    assert download(PLAIN, [WebFile(address)], tmp_path / "file.bin", slow).size == 3000


def test_where_nobody_listens_is_tried_again_and_then_left(
    site, nobody_listens: str, tmp_path: Path, context: DownloadContext, slept: list[float]
) -> None:
    mirror = site.has("/copy", b"content")
    origins = [WebFile(Address(nobody_listens)), WebFile(mirror)]
    assert download(PLAIN, origins, tmp_path / "file.bin", context).origin == str(mirror)
    assert len(slept) == 2


def test_waits_are_drawn_from_the_generator_that_is_passed(
    site, tmp_path: Path, context: DownloadContext
) -> None:
    def waits(seed: int) -> list[float]:
        slept: list[float] = []
        address = site.has("/file", b"content", first=[site.status(500) for _ in range(2)])
        drawn = replace(context, rng=np.random.default_rng(seed), clock=Clock(sleep=slept.append))
        target = tmp_path / f"{seed}.bin"
        target.unlink(missing_ok=True)
        download(PLAIN, [WebFile(address)], target, drawn)
        return slept

    assert waits(1) == waits(1)
    assert waits(1) != waits(2)
