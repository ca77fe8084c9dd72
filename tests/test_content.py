"""Web pages, pointers, error messages and documents are recognised, and videos are not."""

import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqathinker.content import document_in, placeholder_in

LFS = f"version https://git-lfs.github.com/spec/v1\noid sha256:{1:064d}\nsize 123456\n"
PAGE = "<!DOCTYPE html><html><title>Quota exceeded</title></html>\n"
S3 = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code>'
    "<Message>Access Denied</Message></Error>"
)


def zip_of(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, "content")
    return out.getvalue()


def tar_of(content: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("page.html")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "a.mp4"


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("an empty file", b""),
        ("a web page", PAGE.encode()),
        ("a web page", b"\xef\xbb\xbf" + PAGE.encode()),
        ("a web page", PAGE.encode("utf-16")),
        ("a web page", "<html><title>déjà vu</title>".encode("latin-1")),
        ("a web page", b'<?xml version="1.0"?>\n<!-- cached -->\n<!DOCTYPE html PUBLIC "-//W3C">'),
        ("a web page", b"<script>window.location='/login'</script>"),
        ("a Git LFS pointer", LFS.encode()),
        ("a Git LFS pointer", LFS.replace("\n", "\r\n").encode()),  # a checkout on Windows
        ("a git-annex pointer", b"/annex/objects/SHA256E-s1048576--0123456789abcdef.mp4\n"),
        ("a DVC pointer", b"outs:\n- md5: 0123456789abcdef0123456789abcdef\n  size: 5\n"),
        ("a server's error message", S3.encode()),
        ("a server's error message", b'<ListBucketResult xmlns="http://s3"></ListBucketResult>'),
        ("a server's error message", json.dumps({"error": {"message": "limit"}}).encode()),
    ],
)  # fmt: skip
def test_placeholders_are_recognised(file: Path, kind: str, content: bytes) -> None:
    file.write_bytes(content)
    for found in (placeholder_in(file), document_in(file)):
        assert found is not None
        assert found.kind == kind


def test_message_quotes_title_of_a_page_and_reason_of_an_error(file: Path) -> None:
    for content, quoted in ((PAGE, "Quota exceeded"), (S3, "Access Denied")):
        file.write_text(content)
        found = placeholder_in(file)
        assert found is not None
        assert quoted in found.instead_of("a video")


@pytest.mark.parametrize(
    "content",
    [
        b"video,mos\na.mp4,3.1\n",
        b'{"annotations": [{"image_id": "a.mp4", "score": "3.5"}]}',
        b'{"unk_token": "<unk>", "errors": "replace"}',
        b"error,message\n1,2\n",
        b"<a.mp4>,3\n",
        zip_of("[Content_Types].xml", "xl/workbook.xml"),
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500),
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3",
        bytes(70_000),
        b'<?xml version="1.0"?><MPD></MPD>',
    ],
)
def test_documents_are_neither_placeholders_nor_videos(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert placeholder_in(file) is None
    assert document_in(file) is not None


DATA = {
    "zip": zip_of("a.mp4"),
    "zip of documents": zip_of("readme.txt", "[Content_Types].xml"),
    "tar of a page": tar_of(PAGE.encode()),
    "tar of nothing": bytes(10_240),
    "gzip": b"\x1f\x8b\x08\0\0\0\0\0\0\x03",
    "mp4": b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41",
    "matroska": b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\1",
    "avi": b"RIFF\x10\0\0\0AVI LIST",
    "transport stream": b"G@\0\x10\0\0\xb0\r\0\1",
    "gif": b"GIF89a\x40\1\xf0\0",
    "y4m": b"YUV4MPEG2 W2 H2 F25:1\nFRAME\n" + b"aaaaaa",
}


@pytest.mark.parametrize("content", DATA.values(), ids=DATA)
def test_videos_and_archives_are_not_documents(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert document_in(file) is None


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
def test_description_of_any_bytes_is_printable(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "any"
    file.write_bytes(content)
    found = document_in(file)
    assert found is None or "".join(found).isprintable()
