"""A web page is never called data, nor a pointer or an error message; and no data is called one."""

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

PAGES = {
    "as servers write it": PAGE.encode(),
    "without a doctype": b"<html><body>Log in</body></html>",
    "in capitals, behind blank lines": b"\r\n\r\n  <HTML><HEAD></HEAD></HTML>",
    "behind a byte order mark": b"\xef\xbb\xbf" + PAGE.encode(),
    "UTF-16": PAGE.encode("utf-16"),
    "UTF-16 without its mark": PAGE.encode("utf-16-be"),
    "not UTF-8": "<html><title>déjà vu</title>".encode("latin-1"),
    "XHTML": b'<?xml version="1.0"?>\n<!-- cached -->\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML">',
    "a fragment": b"<script>window.location='/login'</script>",
    "longer than what is looked at": b"<html>" + b"x" * 200_000,
}
POINTERS = [
    ("a Git LFS pointer", LFS.encode()),
    ("a Git LFS pointer", LFS.replace("\n", "\r\n").encode()),  # as Windows checks it out
    ("a git-annex pointer", b"/annex/objects/SHA256E-s1048576--0123456789abcdef.mp4\n"),
    ("a pointer of DVC", b"outs:\n- md5: 0123456789abcdef0123456789abcdef\n  size: 5\n"),
    ("a shortcut", b"[InternetShortcut]\r\nURL=https://example.org/a.mp4\r\n"),
]
ERRORS = {
    "S3": S3.encode(),
    "Google": b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>",
    "Azure": b"\xef\xbb\xbf" + S3.encode(),
    "a listing": b'<ListBucketResult xmlns="http://s3"><Name>videos</Name></ListBucketResult>',
    "an API": json.dumps({"error": {"code": 403, "message": "rate limit"}}).encode(),
    "another": b'{"message": "Not Found", "status": "404"}',
    "a third": b'{"detail": "Authentication credentials were not provided."}',
    "a list of them": b'{"errors": [{"status": 404}]}',
}


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


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_a_web_page_is_one_however_it_is_written(file: Path, page: bytes) -> None:
    file.write_bytes(page)
    for found in (placeholder_in(file), document_in(file)):
        assert found is not None
        assert found.kind == "a web page"


def test_a_page_says_its_title(file: Path) -> None:
    file.write_text(PAGE)
    found = placeholder_in(file)
    assert found is not None
    words = "a web page, not an archive and not a video (its title is 'Quota exceeded')"
    assert found.instead_of("an archive and not a video") == words


@pytest.mark.parametrize(("kind", "content"), POINTERS)
def test_what_stands_for_a_file_is_not_the_file(file: Path, kind: str, content: bytes) -> None:
    file.write_bytes(content)
    found = placeholder_in(file)
    assert found is not None
    assert found.kind == kind
    assert found.detail


@pytest.mark.parametrize("answer", ERRORS.values(), ids=ERRORS)
def test_the_error_message_of_a_server_is_no_file(file: Path, answer: bytes) -> None:
    file.write_bytes(answer)
    found = placeholder_in(file)
    assert found is not None
    assert found.kind == "an error message of a server"


def test_an_error_message_is_quoted(file: Path) -> None:
    file.write_text(S3)
    found = placeholder_in(file)
    assert found is not None
    assert found.detail == "'AccessDenied': 'Access Denied'"


def test_what_is_quoted_moves_no_cursor(file: Path) -> None:
    file.write_text("<html><title>\x1b[2J\u202egpj</title>" + "very long " * 50, encoding="utf-8")
    found = placeholder_in(file)
    assert found is not None
    assert found.detail.isprintable()


def test_an_empty_file_is_nothing(file: Path) -> None:
    file.touch()
    assert placeholder_in(file) == ("an empty file", "")


@pytest.mark.parametrize(
    "content",
    [
        b"video,mos\na.mp4,3.1\n",
        b'{"annotations": [{"image_id": "a.mp4", "score": "3.5"}]}',
        b'{"video": "a.mp4", "conversations": [{"value": "error?"}]}\n',
        b'{"unk_token": "<unk>", "errors": "replace"}',
        b"version 2 of these labels\n",
        b"error,message\n1,2\n",
        b"<a.mp4>,3\n",
    ],
)
def test_labels_and_settings_are_no_placeholder_but_no_video_either(
    file: Path, content: bytes
) -> None:
    file.write_bytes(content)
    assert placeholder_in(file) is None
    assert document_in(file) is not None


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (zip_of("[Content_Types].xml", "xl/workbook.xml"), "a workbook of Excel or another"),
        (zip_of("xl/workbook.xml"), "a workbook of Excel"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "a document of Excel"),
        (b"MATLAB 5.0 MAT-file, Platform: GLNXA64" + bytes(90), "a file of MATLAB"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "a PDF"),
        (bytes(70_000), "nothing but zeros"),
        (b"404: Not Found", "text"),
        ("Zugriff verweigert: Ü".encode("utf-16"), "text"),
        (b'<?xml version="1.0"?><MPD></MPD>', "XML"),
        (b"[1, 2]", "JSON"),
        (b"MZ\x90\0\x03\0\0\0", "a program of Windows"),
        (b"#!/bin/sh\nexit\n" + bytes(9), "a script"),
    ],
)
def test_a_document_is_neither_a_video_nor_an_archive(
    file: Path, content: bytes, kind: str
) -> None:
    file.write_bytes(content)
    found = document_in(file)
    assert found is not None
    assert found.kind.startswith(kind)
    assert placeholder_in(file) is None


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
    "raw pictures with a header of text": b"YUV4MPEG2 W2 H2 F25:1\nFRAME\n" + b"aaaaaa",
}


@pytest.mark.parametrize("content", DATA.values(), ids=DATA)
def test_what_may_be_data_is_left_alone(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert placeholder_in(file) is None
    assert document_in(file) is None


@given(st.binary(max_size=300))
def test_any_bytes_have_an_answer_that_can_be_printed(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "any"
    file.write_bytes(content)
    found = document_in(file)
    assert found is None or "".join(found).isprintable()


def test_a_file_that_is_not_there_is_an_error(file: Path) -> None:
    with pytest.raises(FileNotFoundError):
        placeholder_in(file)
