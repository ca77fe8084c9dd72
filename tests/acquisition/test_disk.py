"""A disk that fills up: the error names figures, what has come is kept."""

import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.programs import program_or_skip

from vqathinker.acquisition.download import DownloadContext, download
from vqathinker.acquisition.errors import DiskFullError, require_space
from vqathinker.acquisition.partial import ExpectedFile
from vqathinker.acquisition.web import WebFile

DOWNLOAD = """
    import resource, sys
    from pathlib import Path
    from vqathinker.acquisition.download import DownloadContext, download
    from vqathinker.acquisition.errors import DiskFullError
    from vqathinker.acquisition.partial import ExpectedFile
    from vqathinker.acquisition.retry import RetryPolicy
    from vqathinker.acquisition.web import Address, WebFile
    url, target = sys.argv[1:]
    context = DownloadContext(RetryPolicy())
    {prepare}
    try:
        download(ExpectedFile("set/file.bin"), [WebFile(Address(url))], Path(target), context)
    except DiskFullError as error:
        print(error)
        part = Path(f"{{target}}.part")
        print(part.stat().st_size if part.exists() else "nothing")
"""


def child(prepare: str, url: str, target: Path, *before: str) -> list[str]:
    """Download in a process of its own; its lines of output."""
    code = textwrap.dedent(DOWNLOAD).format(prepare=prepare)
    arguments = [*before, sys.executable, "-c", code, url, str(target)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_file_that_grows_too_large_stops_with_figures_and_goes_on_with_more_room(
    site, twenty_megabytes: bytes, tmp_path: Path, context: DownloadContext
) -> None:
    """A limit of the process: the kernel refuses the write, as it does on a file system's limit."""
    address, target = site.has("/file", twenty_megabytes), tmp_path / "file.bin"
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, (8_000_000, 8_000_000))"
    message, kept = child(limit, address.url, target)
    assert "12,000,000" in message
    assert re.search(r"[\d,]+ free", message)
    assert kept == "8000000"
    assert not target.exists()
    download(ExpectedFile("set/file.bin"), [WebFile(address)], target, context)
    assert target.read_bytes() == twenty_megabytes
    assert site.ranges_asked() == [None, "bytes=8000000-"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Callable[[], list[str]]:
    """Command prefix that runs a program beside a real disk of 1 MB at `tmp_path`/disk."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = f'mount -t tmpfs -o size=1m tmpfs "{folder}" && exec "$@"'
    unshare = program_or_skip("unshare")
    prefix = [unshare, "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh"]
    done = subprocess.run([*prefix, "true"], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("this machine lets no ordinary user mount a disk of a test's own")
    return prefix


def test_a_disk_that_is_full_in_the_middle_stops_with_figures(
    site, tmp_path: Path, small_disk: list[str]
) -> None:
    def unknown_length(handler, served) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"200000\r\n" + bytes(0x200000) + b"\r\n0\r\n\r\n")

    address = site.has("/file", b"", first=[unknown_length])
    message, kept = child("", address.url, tmp_path / "disk" / "file.bin", *small_disk)
    assert "file.bin.part" in message
    assert re.search(r"\b[\d,]+ free", message)
    assert 900_000 < int(kept) <= 1_048_576


def test_a_file_larger_than_the_disk_is_refused_before_its_bytes_come(
    site, tmp_path: Path, small_disk: list[str]
) -> None:
    address = site.has("/file", bytes(2_000_000))
    message, kept = child("", address.url, tmp_path / "disk" / "file.bin", *small_disk)
    assert "2,000,000" in message
    assert kept == "nothing"


def test_room_that_is_there_is_enough(tmp_path: Path) -> None:
    require_space(tmp_path, 1)
    require_space(tmp_path / "file", 1)
    with pytest.raises(DiskFullError, match=re.escape(str(tmp_path))):
        require_space(tmp_path / "file", 1 << 62)
