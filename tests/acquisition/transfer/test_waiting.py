"""Waiting: for busy servers as long as they ask, and for dead ones no longer than they deserve."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import numpy as np
import pytest

from vqathinker.acquisition.transfer.address import Address
from vqathinker.acquisition.transfer.context import Clock, DownloadContext
from vqathinker.acquisition.transfer.download import download
from vqathinker.acquisition.transfer.errors import TransferError
from vqathinker.acquisition.transfer.expected_file import ExpectedFile
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
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    address = site.has("/file", b"content", first=[site.status(429, Retry_After=date)])
    download(PLAIN, [WebFile(address)], tmp_path / "file.bin", context)
    assert len(slept) == 1
    assert 30 < slept[0] <= 40


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


def test_a_server_that_stalls_is_left_for_the_mirror(
    site, make_site: Callable, tmp_path: Path, impatient: DownloadContext
) -> None:
    stalling = site.has("/file", bytes(100), first=[site.stall(until=10) for _ in range(3)])
    mirror = make_site().has("/copy", b"content")
    began = time.monotonic()
    done = download(PLAIN, [WebFile(stalling), WebFile(mirror)], tmp_path / "file.bin", impatient)
    assert done.origin == str(mirror)
    assert time.monotonic() - began < 5


def test_a_server_that_sends_a_byte_now_and_then_counts_as_stalled(
    site, make_site: Callable, tmp_path: Path, impatient: DownloadContext
) -> None:
    trickling = site.has("/file", bytes(3000), first=[site.trickle() for _ in range(99)])
    once = replace(impatient, policy=replace(impatient.policy, attempts=1))
    with pytest.raises(TransferError, match=r"stalled: \d+ bytes in 0 s"):
        download(PLAIN, [WebFile(trickling)], tmp_path / "file.bin", once)


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
