"""Google Drive: warning page, quota and resuming, with a fake server behind a proxy.

The fake server answers for drive.google.com with a certificate that the test trusts, so gdown runs
unmodified. Its pages contain the elements that gdown 6.5 parses. It cannot show that Google's pages
still contain them.
"""

import hashlib
from collections.abc import Callable

import pytest

from vqathinker.acquisition.checksum import Checksum
from vqathinker.acquisition.download import download
from vqathinker.acquisition.drive import DriveFile
from vqathinker.acquisition.errors import TransferError
from vqathinker.acquisition.partial import ExpectedFile

FILE = DriveFile("1_vVmvKfY2G5p5LtP7t-0FzkpNg03wbSz")
ASK = f"/uc?id={FILE.id}"
GET = f"/download?id={FILE.id}&export=download&confirm=t"
AS_A_PAGE = {"Content_Type": "text/html; charset=utf-8"}
AS_A_FILE = {"Content_Disposition": "attachment", "Content_Type": "application/zip"}
PLAIN = ExpectedFile("vdpve/train.zip")
WARNING_PAGE = f"""
<p>Google Drive can't scan this file for viruses.</p>
<form id="download-form" action="https://drive.usercontent.google.com/download" method="get">
<input type="hidden" name="id" value="{FILE.id}">
<input type="hidden" name="export" value="download">
<input type="hidden" name="confirm" value="t"></form>
""".replace("\n<input", "<input")  # gdown reads line by line
QUOTA_PAGE = """
<p class="uc-error-caption">Sorry, you can't view or download this file at this time.</p>
<p class="uc-error-subcaption">Too many users have viewed or downloaded this file recently.</p>
"""


@pytest.fixture
def drive(make_site: Callable, certificate_for: Callable, monkeypatch: pytest.MonkeyPatch):
    certificate = certificate_for("drive.google.com", "drive.usercontent.google.com")
    site = make_site(certificate, proxy=True)
    monkeypatch.setenv("HTTPS_PROXY", site.url(""))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
    for name in ("NO_PROXY", "no_proxy", "https_proxy", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    return site


def shares(site, content: bytes, **more) -> None:
    headers = {
        "Content-Disposition": 'attachment; filename="train.zip"',
        "Content-Type": "application/zip",
        "ETag": '"one"',
    }
    site.serve(ASK, b"", always=site.status(200, WARNING_PAGE.encode(), **AS_A_PAGE))
    site.serve(GET, content, headers=headers, **more)


def test_download_passes_warning_page(drive, tmp_path, context):
    shares(drive, b"content")
    done = download(PLAIN, [FILE], tmp_path / "train.zip", context)
    assert (tmp_path / "train.zip").read_bytes() == b"content"
    assert done.origin == f"https://drive.google.com/file/d/{FILE.id}/view"
    assert [request.path for request in drive.requests] == [ASK, GET]
    assert [entry.name for entry in tmp_path.iterdir()] == ["train.zip"]


def test_partial_download_of_earlier_run_is_resumed(drive, twenty_megabytes, tmp_path, context):
    gone = [drive.status(404, **AS_A_FILE) for _ in range(2)]
    shares(drive, twenty_megabytes, first=[drive.whole(until=8_000_000), *gone])
    with pytest.raises(TransferError, match="404"):
        download(PLAIN, [FILE], tmp_path / "train.zip", context)
    drive.files[GET].first.clear()
    drive.requests.clear()
    checksum = Checksum("sha256", hashlib.sha256(twenty_megabytes).hexdigest())
    expected = ExpectedFile("vdpve/train.zip", len(twenty_megabytes), checksum)
    download(expected, [FILE], tmp_path / "train.zip", context)
    assert (tmp_path / "train.zip").read_bytes() == twenty_megabytes
    # gdown discards up to half a megabyte of the partial file.
    asked = [asked for asked in drive.requested_ranges() if asked is not None]
    assert int(asked[-1].removeprefix("bytes=").removesuffix("-")) > 7_000_000


def test_exceeded_quota_says_when_to_retry(drive, tmp_path, context):
    drive.serve(ASK, b"", always=drive.status(200, QUOTA_PAGE.encode(), **AS_A_PAGE))
    with pytest.raises(TransferError, match="24 hours") as caught:
        download(PLAIN, [FILE], tmp_path / "train.zip", context)
    assert f"https://drive.google.com/file/d/{FILE.id}/view" in str(caught.value)
    assert len(drive.requests) == 1


def test_status_503_is_retried(drive, tmp_path, context, waits):
    busy_at_the_file = [drive.status(503, **AS_A_FILE)]
    shares(drive, b"content", first=busy_at_the_file)
    busy_at_the_page = drive.status(503, b"<p>busy</p>", Content_Type="text/html")
    drive.files[ASK].first.append(busy_at_the_page)
    download(PLAIN, [FILE], tmp_path / "train.zip", context)
    assert (tmp_path / "train.zip").read_bytes() == b"content"
    assert len(waits) == 2
