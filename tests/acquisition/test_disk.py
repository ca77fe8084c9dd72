"""A disk that fills up: the error names the file or figures, and what has come is kept."""

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from vqathinker.acquisition.download import DownloadContext, download
from vqathinker.acquisition.errors import DiskFullError, require_space
from vqathinker.acquisition.partial import ExpectedFile
from vqathinker.acquisition.web import WebFile


def test_a_file_that_grows_too_large_stops_and_goes_on_with_more_space(
    site, twenty_megabytes: bytes, tmp_path: Path, context: DownloadContext
) -> None:
    """A limit of the process: the kernel refuses the write, as it does where a disk is full."""
    address, target = site.has("/file", twenty_megabytes), tmp_path / "file.bin"
    code = f"""
        import resource
        from pathlib import Path
        from vqathinker.acquisition.download import DownloadContext, download
        from vqathinker.acquisition.partial import ExpectedFile
        from vqathinker.acquisition.retry import RetryPolicy
        from vqathinker.acquisition.web import Address, WebFile
        origin, context = WebFile(Address({address.url!r})), DownloadContext(RetryPolicy())
        resource.setrlimit(resource.RLIMIT_FSIZE, (8_000_000, 8_000_000))
        try:
            download(ExpectedFile("set/file.bin"), [origin], Path({str(target)!r}), context)
        except OSError as error:
            print(error.filename)
    """
    arguments = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert done.stdout == f"{target}.part\n"
    assert not target.exists()
    download(ExpectedFile("set/file.bin"), [WebFile(address)], target, context)
    assert target.read_bytes() == twenty_megabytes
    assert site.ranges_asked() == [None, "bytes=8000000-"]


def test_space_that_is_there_is_enough(tmp_path: Path) -> None:
    require_space(tmp_path, 1)
    require_space(tmp_path / "file", 1)
    with pytest.raises(DiskFullError, match=re.escape(str(tmp_path))):
        require_space(tmp_path / "file", 1 << 62)
