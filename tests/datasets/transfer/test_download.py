"""Downloads: resumed, from the first origin that delivers, and never with wrong content."""

import hashlib
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vqathinker.datasets.transfer.address import Address
from vqathinker.datasets.transfer.checksum import Checksum
from vqathinker.datasets.transfer.download import Means, WrongContentError, download
from vqathinker.datasets.transfer.failure import BusyError, TransferError
from vqathinker.datasets.transfer.partial import PartialFile, Wanted
from vqathinker.datasets.transfer.recorded import HashTable
from vqathinker.datasets.transfer.web import WebFile

PLAIN = Wanted("set/file.bin")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def published(content: bytes) -> Wanted:
    return Wanted("set/file.bin", len(content), Checksum("sha256", sha256(content)))


def left_beside(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir() if path != target)


def test_a_download_dropped_at_8_of_20_megabytes_goes_on_from_there(
    site, twenty_megabytes: bytes, tmp_path: Path, means: Means
) -> None:
    address = site.has("/file", twenty_megabytes, first=[site.whole(until=8_000_000)])
    target = tmp_path / "file.bin"
    done = download(PLAIN, [WebFile(address)], target, means)
    assert target.read_bytes() == twenty_megabytes
    assert site.ranges_asked() == [None, "bytes=8000000-"]
    assert site.asked[1].headers["If-Range"] == '"one"'
    assert site.sent == 20_000_000
    assert (done.size, done.sha256) == (20_000_000, sha256(twenty_megabytes))
    assert done.origin == str(address)
    assert left_beside(target) == []


def test_a_killed_process_is_continued_by_the_next(
    site, twenty_megabytes: bytes, tmp_path: Path, means: Means
) -> None:
    address = site.has("/file", twenty_megabytes, first=[site.stall(until=8_000_000)])
    target = tmp_path / "file.bin"
    code = f"""
        from pathlib import Path
        import numpy as np
        from vqathinker.datasets.transfer.address import Address
        from vqathinker.datasets.transfer.download import Means, download
        from vqathinker.datasets.transfer.partial import Wanted
        from vqathinker.datasets.transfer.patience import Patience
        from vqathinker.datasets.transfer.web import WebFile
        means = Means(Patience(3, 1, 8, 60, 60, 60, 0), np.random.default_rng(0))
        origin = WebFile(Address({address.url!r}))
        download(Wanted("set/file.bin"), [origin], Path({str(target)!r}), means)
    """
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)])
    part = target.with_name("file.bin.part")
    until = time.monotonic() + 30
    while not (part.exists() and part.stat().st_size == 8_000_000):
        assert child.poll() is None
        assert time.monotonic() < until, "the child got no 8 MB"
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not target.exists()

    download(PLAIN, [WebFile(address)], target, means)
    assert target.read_bytes() == twenty_megabytes
    assert site.ranges_asked() == [None, "bytes=8000000-"]
    assert site.sent == 20_000_000


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cuts=st.lists(st.integers(0, 999), max_size=8))
def test_a_file_arrives_whole_wherever_its_connections_drop(
    site, tmp_path: Path, means: Means, cuts: list[int]
) -> None:
    content = bytes(range(250)) * 4
    cuts = sorted(set(cuts) - {0})
    address = site.has("/file", content, first=[site.whole(until=cut) for cut in cuts])
    target, before = tmp_path / "file.bin", site.sent
    target.unlink(missing_ok=True)
    download(PLAIN, [WebFile(address)], target, means)
    assert target.read_bytes() == content
    assert site.sent - before == len(content)


def test_a_server_that_knows_no_ranges_is_asked_for_everything_again(
    site, tmp_path: Path, means: Means
) -> None:
    content = b"0123456789"
    address = site.has("/file", content, ranges=False, first=[site.whole(until=4)])
    download(PLAIN, [WebFile(address)], tmp_path / "file.bin", means)
    assert (tmp_path / "file.bin").read_bytes() == content
    assert site.sent == 14


def test_a_server_that_always_drops_at_the_same_byte_and_knows_no_ranges_is_left(
    site, tmp_path: Path, means: Means
) -> None:
    dropping = [site.whole(until=4) for _ in range(50)]
    address = site.has("/file", b"0123456789", ranges=False, first=dropping)
    with pytest.raises(TransferError, match=r"connection lost: .* in a row"):
        download(PLAIN, [WebFile(address)], tmp_path / "file.bin", means)
    assert len(site.asked) < 10


def test_a_file_that_changed_meanwhile_is_not_spliced(site, tmp_path: Path, means: Means) -> None:
    def drop_and_change(handler, served) -> None:
        site.whole(until=5)(handler, served)
        site.has("/file", b"new content", headers={"ETag": '"two"'})

    address = site.has("/file", b"old content", first=[drop_and_change])
    download(PLAIN, [WebFile(address)], tmp_path / "file.bin", means)
    assert (tmp_path / "file.bin").read_bytes() == b"new content"
    assert site.asked[1].headers["If-Range"] == '"one"'


@pytest.mark.parametrize("headers", [{}, {"ETag": 'W/"weak"'}])
def test_without_a_validator_or_a_hash_nothing_is_continued(
    site, tmp_path: Path, means: Means, headers: dict[str, str]
) -> None:
    address = site.has("/file", b"0123456789", headers=headers, first=[site.whole(until=4)])
    download(PLAIN, [WebFile(address)], tmp_path / "file.bin", means)
    assert (tmp_path / "file.bin").read_bytes() == b"0123456789"
    assert site.ranges_asked() == [None, None]


def test_last_modified_is_a_validator_too(site, tmp_path: Path, means: Means) -> None:
    modified = "Mon, 13 Nov 2023 08:00:00 GMT"
    answers = [site.whole(until=4)]
    address = site.has("/file", b"0123456789", headers={"Last-Modified": modified}, first=answers)
    download(PLAIN, [WebFile(address)], tmp_path / "file.bin", means)
    assert site.ranges_asked() == [None, "bytes=4-"]
    assert site.asked[1].headers["If-Range"] == modified


def test_with_a_published_hash_a_mirror_goes_on_where_another_stopped(
    site, make_site: Callable, twenty_megabytes: bytes, tmp_path: Path, hasty: Means
) -> None:
    stalling = [site.stall(until=8_000_000), *(site.status(500) for _ in range(3))]
    first = site.has("/file", twenty_megabytes, first=stalling)
    mirror = make_site()
    second = mirror.has("/copy", twenty_megabytes, headers={})
    origins = [WebFile(first), WebFile(second)]
    done = download(published(twenty_megabytes), origins, tmp_path / "file.bin", hasty)
    assert done.origin == str(second)
    assert mirror.ranges_asked() == ["bytes=8000000-"]
    assert mirror.sent == 12_000_000


def test_without_a_hash_a_mirror_starts_from_zero(
    site, make_site: Callable, tmp_path: Path, means: Means
) -> None:
    failing = [site.whole(until=4), *(site.status(500) for _ in range(3))]
    first = site.has("/file", b"0123456789", first=failing)
    mirror = make_site()
    second = mirror.has("/copy", b"abcdefghij")
    download(PLAIN, [WebFile(first), WebFile(second)], tmp_path / "file.bin", means)
    assert (tmp_path / "file.bin").read_bytes() == b"abcdefghij"
    assert mirror.ranges_asked() == [None]


def test_a_wrong_start_from_an_earlier_run_is_found_out_and_replaced(
    site, tmp_path: Path, means: Means
) -> None:
    content = b"0123456789"
    wanted, target = published(content), tmp_path / "file.bin"
    with PartialFile.open_for(target, wanted) as part:
        part.start("another origin", None, None)
        part.append(b"xxxx")
    address = site.has("/file", content)
    download(wanted, [WebFile(address)], target, means)
    assert target.read_bytes() == content
    assert site.ranges_asked() == ["bytes=4-", None]


def test_a_part_that_is_whole_already_is_not_asked_for(site, tmp_path: Path, means: Means) -> None:
    wanted, target = published(b"0123456789"), tmp_path / "file.bin"
    with PartialFile.open_for(target, wanted) as part:
        part.start("an origin", None, None)
        part.append(b"0123456789")
    download(wanted, [WebFile(site.has("/file", b""))], target, means)
    assert target.read_bytes() == b"0123456789"
    assert site.asked == []


def test_a_part_that_turns_out_whole_when_the_server_says_so_is_kept(
    site, tmp_path: Path, means: Means
) -> None:
    address, target = site.has("/file", b"0123456789"), tmp_path / "file.bin"
    with PartialFile.open_for(target, PLAIN) as part:
        part.start(address.fingerprint, '"one"', None)
        part.append(b"0123456789")
    download(PLAIN, [WebFile(address)], target, means)
    assert target.read_bytes() == b"0123456789"
    assert site.sent == 0


def test_a_wrong_hash_is_an_error_that_names_both_and_leaves_nothing(
    site, tmp_path: Path, means: Means
) -> None:
    address, target = site.has("/file", b"damaged!"), tmp_path / "file.bin"
    with pytest.raises(TransferError) as caught:
        download(published(b"original"), [WebFile(address)], target, means)
    assert sha256(b"damaged!") in str(caught.value)
    assert sha256(b"original") in str(caught.value)
    assert "its card" in str(caught.value)
    assert str(address) in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_the_mirror_of_an_origin_with_a_wrong_hash_is_used(
    site, make_site: Callable, tmp_path: Path, means: Means, caplog: pytest.LogCaptureFixture
) -> None:
    wrong, right = site.has("/file", b"damaged!"), make_site().has("/file", b"original")
    target = tmp_path / "file.bin"
    done = download(published(b"original"), [WebFile(wrong), WebFile(right)], target, means)
    assert target.read_bytes() == b"original"
    assert done.origin == str(right)
    assert sha256(b"damaged!") in caplog.text


@pytest.mark.parametrize(
    "checksum",
    [
        # `printf original | md5sum`
        Checksum("md5", "919c8b643b7133116b02fc0d9bb7df3f"),
        Checksum("sha256", sha256(b"original")[:24]),
        # `printf original | git hash-object --stdin`
        Checksum("git-sha1", "94f3610c08588440112ed977376f26a8fba169b0"),
    ],
    ids=["md5 of a bucket", "prefix of a sha256", "id of a git blob"],
)
def test_other_published_checksums_are_checked_too(
    site, tmp_path: Path, means: Means, checksum: Checksum
) -> None:
    wanted = Wanted("set/file.bin", checksum=checksum)
    right, wrong = site.has("/right", b"original"), site.has("/wrong", b"damaged!")
    done = download(wanted, [WebFile(wrong), WebFile(right)], tmp_path / "file.bin", means)
    assert done.origin == str(right)


def test_a_wrong_size_is_refused_before_the_bytes_come(site, tmp_path: Path, means: Means) -> None:
    address = site.has("/file", bytes(1_000_000))
    with pytest.raises(TransferError, match="has 1,000,000 bytes, expected 10"):
        download(Wanted("set/file.bin", 10), [WebFile(address)], tmp_path / "file.bin", means)
    assert list(tmp_path.iterdir()) == []


def test_404_leads_to_the_mirror_at_once(
    site, make_site: Callable, tmp_path: Path, means: Means, slept: list[float]
) -> None:
    mirror = make_site().has("/copy", b"content")
    origins = [WebFile(site.address("/gone")), WebFile(mirror)]
    done = download(PLAIN, origins, tmp_path / "file.bin", means)
    assert done.origin == str(mirror)
    assert len(site.asked) == 1
    assert slept == []


def test_503_is_waited_for_as_long_as_it_asks(
    site, tmp_path: Path, means: Means, slept: list[float]
) -> None:
    address = site.has("/file", b"content", first=[site.status(503, Retry_After="17")])
    download(PLAIN, [WebFile(address)], tmp_path / "file.bin", means)
    assert (tmp_path / "file.bin").read_bytes() == b"content"
    assert slept == [17.0]


def test_a_date_to_come_back_at_is_honoured(
    site, tmp_path: Path, means: Means, slept: list[float]
) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    address = site.has("/file", b"content", first=[site.status(429, Retry_After=date)])
    download(PLAIN, [WebFile(address)], tmp_path / "file.bin", means)
    assert len(slept) == 1
    assert 30 < slept[0] <= 40


def test_a_server_that_asks_for_too_long_a_pause_is_left_for_the_mirror(
    site, make_site: Callable, tmp_path: Path, means: Means, slept: list[float]
) -> None:
    busy = site.has("/file", b"content", first=[site.status(503, Retry_After="3600")])
    mirror = make_site().has("/copy", b"content")
    done = download(PLAIN, [WebFile(busy), WebFile(mirror)], tmp_path / "file.bin", means)
    assert done.origin == str(mirror)
    assert slept == []


def test_waits_without_retry_after_grow_and_end(
    site, tmp_path: Path, means: Means, slept: list[float]
) -> None:
    patient = replace(means, patience=replace(means.patience, attempts=6))
    address = site.has("/file", b"content", first=[site.status(500) for _ in range(99)])
    with pytest.raises(TransferError, match="500 Internal Server Error, 6 times in a row"):
        download(PLAIN, [WebFile(address)], tmp_path / "file.bin", patient)
    for wait, longest in zip(slept, [1, 2, 4, 8, 8], strict=True):
        assert longest / 2 <= wait <= longest


def test_a_server_that_stalls_is_left_for_the_mirror(
    site, make_site: Callable, tmp_path: Path, hasty: Means
) -> None:
    stalling = site.has("/file", bytes(100), first=[site.stall(until=10) for _ in range(3)])
    mirror = make_site().has("/copy", b"content")
    began = time.monotonic()
    done = download(PLAIN, [WebFile(stalling), WebFile(mirror)], tmp_path / "file.bin", hasty)
    assert done.origin == str(mirror)
    assert time.monotonic() - began < 5


def test_a_server_that_sends_a_byte_now_and_then_counts_as_stalled(
    site, make_site: Callable, tmp_path: Path, hasty: Means
) -> None:
    trickling = site.has("/file", bytes(3000), first=[site.trickle() for _ in range(99)])
    once = replace(hasty, patience=replace(hasty.patience, attempts=1))
    with pytest.raises(TransferError, match=r"stalled: \d+ bytes in 0 s"):
        download(PLAIN, [WebFile(trickling)], tmp_path / "file.bin", once)


def test_where_nobody_listens_is_tried_again_and_then_left(
    site, nobody_listens: str, tmp_path: Path, means: Means, slept: list[float]
) -> None:
    mirror = site.has("/copy", b"content")
    origins = [WebFile(Address(nobody_listens)), WebFile(mirror)]
    assert download(PLAIN, origins, tmp_path / "file.bin", means).origin == str(mirror)
    assert len(slept) == 2


def test_when_no_origin_delivers_the_error_says_why_of_each_and_what_to_do(
    site, make_site: Callable, tmp_path: Path, means: Means
) -> None:
    target = tmp_path / "here" / "file.bin"
    with_mirror = replace(means, mirror=tmp_path / "mirror")
    gone, dropping = site.address("/gone"), make_site()
    drops = [dropping.whole(until=4), *(dropping.status(500) for _ in range(9))]
    address = dropping.has("/file", b"0123456789", first=drops)
    with pytest.raises(TransferError) as caught:
        download(PLAIN, [WebFile(gone), WebFile(address)], target, with_mirror)
    message = str(caught.value)
    assert f"{tmp_path}/mirror/set/file.bin: no such file" in message
    assert f"{gone}: 404 Not Found" in message
    assert f"{address}: 500 Internal Server Error, 3 times in a row" in message
    assert "it goes on from the 4 bytes that are here" in message
    assert f"put it to {target} or to {tmp_path}/mirror/set/file.bin" in message


def test_the_mirror_folder_comes_first_and_nobody_is_asked(
    site, tmp_path: Path, means: Means
) -> None:
    (tmp_path / "mirror" / "set").mkdir(parents=True)
    (tmp_path / "mirror" / "set" / "file.bin").write_bytes(b"original")
    means = replace(means, mirror=tmp_path / "mirror")
    target = tmp_path / "here" / "file.bin"
    origins = [WebFile(site.has("/file", b"original"))]
    done = download(published(b"original"), origins, target, means)
    assert target.read_bytes() == b"original"
    assert done.origin == f"{tmp_path}/mirror/set/file.bin"
    assert site.asked == []


def test_a_file_that_is_wrong_in_the_mirror_folder_comes_from_its_origin(
    site, tmp_path: Path, means: Means, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "mirror" / "set").mkdir(parents=True)
    (tmp_path / "mirror" / "set" / "file.bin").write_bytes(b"damaged!")
    means = replace(means, mirror=tmp_path / "mirror")
    address = site.has("/file", b"original")
    done = download(published(b"original"), [WebFile(address)], tmp_path / "file.bin", means)
    assert done.origin == str(address)
    assert f"{tmp_path}/mirror/set/file.bin" in caplog.text


@pytest.mark.parametrize("name", ["../file.bin", "/etc/passwd", "set/../../file.bin"])
def test_a_name_that_leads_out_of_the_mirror_folder_is_refused(
    tmp_path: Path, means: Means, name: str
) -> None:
    with pytest.raises(ValueError, match="expected a path such as"):
        download(Wanted(name), [], tmp_path / "file.bin", replace(means, mirror=tmp_path / "m"))


def test_what_is_in_place_and_right_is_left_alone(site, tmp_path: Path, means: Means) -> None:
    target = tmp_path / "file.bin"
    target.write_bytes(b"original")
    origins = [WebFile(site.has("/file", b"original"))]
    done = download(published(b"original"), origins, target, means)
    assert done.origin is None
    assert site.asked == []
    assert left_beside(target) == []


def test_what_is_in_place_and_wrong_is_never_overwritten(
    site, tmp_path: Path, means: Means
) -> None:
    target = tmp_path / "file.bin"
    target.write_bytes(b"somebody's work")
    origins = [WebFile(site.has("/file", b"original"))]
    with pytest.raises(WrongContentError, match="Move it away") as caught:
        download(published(b"original"), origins, target, means)
    assert str(target) in str(caught.value)
    assert target.read_bytes() == b"somebody's work"


def test_the_first_hash_is_recorded_and_a_later_difference_is_an_error(
    site, tmp_path: Path, means: Means
) -> None:
    table = tmp_path / "data-hashes.csv"
    means = replace(means, recorded=HashTable(table))
    address = site.has("/file", b"original")
    download(PLAIN, [WebFile(address)], tmp_path / "first.bin", means)
    assert f"set/file.bin,8,{sha256(b'original')}" in table.read_text()

    site.has("/file", b"changed!")
    with pytest.raises(TransferError) as caught:
        download(PLAIN, [WebFile(address)], tmp_path / "second.bin", means)
    message = str(caught.value)
    assert sha256(b"original") in message
    assert sha256(b"changed!") in message
    assert f"{table}, recorded" in message
    assert "delete the row of the table" in message
    assert not (tmp_path / "second.bin").exists()
    assert table.read_text().count("set/file.bin") == 1


def test_a_file_with_a_published_hash_is_not_recorded(site, tmp_path: Path, means: Means) -> None:
    means = replace(means, recorded=HashTable(tmp_path / "data-hashes.csv"))
    origins = [WebFile(site.has("/file", b"original"))]
    download(published(b"original"), origins, tmp_path / "file.bin", means)
    assert not (tmp_path / "data-hashes.csv").exists()


def test_a_file_the_user_put_in_place_is_recorded_as_that(tmp_path: Path, means: Means) -> None:
    table = tmp_path / "data-hashes.csv"
    means = replace(means, recorded=HashTable(table))
    (tmp_path / "file.bin").write_bytes(b"by hand")
    download(PLAIN, [], tmp_path / "file.bin", means)
    assert "put in place by the user" in table.read_text()


def test_two_processes_do_not_write_the_same_file(site, tmp_path: Path, means: Means) -> None:
    origins = [WebFile(site.has("/file", b"content"))]
    target = tmp_path / "file.bin"
    with (
        PartialFile.open_for(target, PLAIN),
        pytest.raises(BusyError, match="another process is getting it"),
    ):
        download(PLAIN, origins, target, means)


def test_waits_are_drawn_from_the_generator_that_is_passed(
    site, tmp_path: Path, means: Means
) -> None:
    def waits(seed: int) -> list[float]:
        slept: list[float] = []
        address = site.has("/file", b"content", first=[site.status(500) for _ in range(2)])
        drawn = replace(means, rng=np.random.default_rng(seed), sleep=slept.append)
        target = tmp_path / f"{seed}.bin"
        target.unlink(missing_ok=True)
        download(PLAIN, [WebFile(address)], target, drawn)
        return slept

    assert waits(1) == waits(1)
    assert waits(1) != waits(2)
