"""Downloaded bytes are kept and resumed, except those of another file."""

import signal
import subprocess
import sys
import textwrap

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.acquisition.conftest import PLAIN, published, sha256

from vqathinker.acquisition.download import download
from vqathinker.acquisition.partial import PartialFile
from vqathinker.acquisition.web import WebFile


def test_download_of_killed_process_is_resumed(site, twenty_megabytes, tmp_path, context):
    address = site.serve("/file", twenty_megabytes, first=[site.stall(until=8_000_000)])
    target = tmp_path / "file.bin"
    code = f"""
        from pathlib import Path
        from vqathinker.acquisition.download import DownloadContext, download
        from vqathinker.acquisition.partial import ExpectedFile, PartialFile
        from vqathinker.acquisition.errors import RetryPolicy
        from vqathinker.acquisition.web import Address, WebFile
        append = PartialFile.append
        def append_and_tell(part, chunk):
            append(part, chunk)
            if part.size == 8_000_000:
                print("8 MB are here", flush=True)
        PartialFile.append = append_and_tell
        origin, context = WebFile(Address({address.url!r})), DownloadContext(RetryPolicy())
        download(ExpectedFile("set/file.bin"), [origin], Path({str(target)!r}), context)
    """
    arguments = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "8 MB are here\n"
        child.send_signal(signal.SIGKILL)
    assert not target.exists()

    download(PLAIN, [WebFile(address)], target, context)
    assert target.read_bytes() == twenty_megabytes
    assert site.requested_ranges() == [None, "bytes=8000000-"]


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 999), max_size=8))
def test_dropped_connections_are_resumed_at_any_byte(site, tmp_path, context, cuts):
    content = bytes(range(250)) * 4
    cuts = sorted(set(cuts) - {0})
    address = site.serve("/file", content, first=[site.whole(until=cut) for cut in cuts])
    target = tmp_path / "file.bin"
    target.unlink(missing_ok=True)
    site.requests.clear()
    download(PLAIN, [WebFile(address)], target, context)
    assert target.read_bytes() == content
    assert site.requested_ranges() == [None, *(f"bytes={cut}-" for cut in cuts)]


def test_file_that_changed_on_server_is_restarted(site, tmp_path, context):
    def drop_and_change(handler, served) -> None:
        site.whole(until=5)(handler, served)
        site.serve("/file", b"new content", headers={"ETag": '"two"'})

    address = site.serve("/file", b"old content", first=[drop_and_change])
    download(PLAIN, [WebFile(address)], tmp_path / "file.bin", context)
    assert (tmp_path / "file.bin").read_bytes() == b"new content"
    assert site.requests[1].headers["If-Range"] == '"one"'


@pytest.mark.parametrize("headers", [{}, {"ETag": 'W/"weak"'}])
def test_no_resume_without_validator_or_hash(site, tmp_path, context, headers):
    address = site.serve("/file", b"0123456789", headers=headers, first=[site.whole(until=4)])
    download(PLAIN, [WebFile(address)], tmp_path / "file.bin", context)
    assert (tmp_path / "file.bin").read_bytes() == b"0123456789"
    assert site.requested_ranges() == [None, None]


def test_with_published_hash_another_origin_resumes(
    site, make_site, twenty_megabytes, tmp_path, context
):
    failing = [site.whole(until=8_000_000), *(site.status(500) for _ in range(3))]
    first = site.serve("/file", twenty_megabytes, first=failing)
    mirror = make_site()
    second = mirror.serve("/copy", twenty_megabytes, headers={})
    origins = [WebFile(first), WebFile(second)]
    done = download(published(twenty_megabytes), origins, tmp_path / "file.bin", context)
    assert done.origin == str(second)
    assert mirror.requested_ranges() == ["bytes=8000000-"]


def test_wrong_bytes_of_earlier_run_are_replaced(site, tmp_path, context):
    content = b"0123456789"
    expected, target = published(content), tmp_path / "file.bin"
    part = PartialFile(target, expected)
    part.restart("another origin", None, None)
    part.append(b"xxxx")
    address = site.serve("/file", content)
    download(expected, [WebFile(address)], target, context)
    assert target.read_bytes() == content
    assert site.requested_ranges() == ["bytes=4-", None]


def test_complete_partial_file_is_kept_on_416(site, tmp_path, context):
    address, target = site.serve("/file", b"0123456789"), tmp_path / "file.bin"
    part = PartialFile(target, PLAIN)
    part.restart(sha256(address.url.encode())[:16], '"one"', None)
    part.append(b"0123456789")
    download(PLAIN, [WebFile(address)], target, context)
    assert target.read_bytes() == b"0123456789"
    assert site.requested_ranges() == ["bytes=10-"]


def test_wrong_range_is_not_appended(site, tmp_path, context):
    def another_part(handler, served) -> None:
        handler.send_response(206)
        handler.send_header("Content-Range", "bytes 0-9/10")
        handler.send_header("Content-Length", "10")
        handler.end_headers()
        handler.wfile.write(b"0123456789")

    answers = [site.whole(until=4), another_part]
    address = site.serve("/file", b"0123456789", first=answers)
    download(PLAIN, [WebFile(address)], tmp_path / "file.bin", context)
    assert (tmp_path / "file.bin").read_bytes() == b"0123456789"
    assert site.requested_ranges() == [None, "bytes=4-", None]
