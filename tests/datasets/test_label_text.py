"""Text of a label file: whichever program has saved it, or what the file is instead."""

import codecs
import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqathinker.datasets.card import LabelError
from vqathinker.datasets.label_text import read_label_text

TEXT = "video,mos\nété 视频.mp4,3.1\n"
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-32"]
WITH_MARKS = {
    "UTF-16, high byte first": codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
    "UTF-16, low byte first": codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
    "UTF-32": TEXT.encode("utf-32"),
    "UTF-8 with a mark": TEXT.encode("utf-8-sig"),
    "UTF-8": TEXT.encode(),
}


@pytest.mark.parametrize("content", WITH_MARKS.values(), ids=WITH_MARKS)
def test_an_encoding_is_read_by_its_mark(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "labels.csv").write_bytes(content)
    assert read_label_text(tmp_path / "labels.csv") == TEXT


@given(
    text=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1),
    encoding=st.sampled_from(ENCODINGS),
)
def test_any_text_comes_back(
    tmp_path_factory: pytest.TempPathFactory, text: str, encoding: str
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.csv"
    row = f"a.mp4,3\n{text}"
    file.write_bytes(row.encode(encoding))
    assert read_label_text(file) == row


def test_other_bytes_are_named_with_their_place_and_the_command_that_converts_them(
    tmp_path: Path,
) -> None:
    file = tmp_path / "my labels.csv"
    file.write_bytes("video,mos\nété.mp4,3.1\n".encode("latin-1"))
    with pytest.raises(LabelError) as caught:
        read_label_text(file)
    message = str(caught.value)
    assert message.startswith(f"{file}, line 2: the byte 0xe9 at offset 10 is no UTF-8. ")
    command = f"iconv -f latin1 -t utf-8 '{file}' > '{tmp_path}/my labels-utf8.csv'"
    assert message.endswith(command)


@pytest.mark.parametrize("encoding", ["utf-16be", "utf-16le"])
@pytest.mark.parametrize("text", ["a.mp4,3\n", "视频1.mp4,3.5\n画面2.mp4,4.5\n"])
def test_utf_16_without_its_mark_is_told_by_its_zeros(
    tmp_path: Path, encoding: str, text: str
) -> None:
    file = tmp_path / "labels.csv"
    file.write_bytes(text.encode(encoding))
    words = rf"line 1: holds zero bytes.*iconv -f {encoding} -t utf-8"
    with pytest.raises(LabelError, match=words):
        read_label_text(file)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"video,mos\na.mp4,3\0\nb.mp4,4\n", 2),
        (b"video,mos\na.mp4,3\n" + bytes(512), 3),
        (b"\0\0\0\x1cftypisom\0\0\x02\0isomiso2\xa0", 1),
    ],
    ids=["one zero", "a disk that was full", "a video"],
)
def test_zeros_of_any_other_kind_are_no_text(tmp_path: Path, content: bytes, line: int) -> None:
    file = tmp_path / "labels.csv"
    file.write_bytes(content)
    with pytest.raises(LabelError, match=rf"line {line}: a zero byte at offset .* is damaged, or"):
        read_label_text(file)


def test_the_quotation_marks_of_windows_are_converted_as_such(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_bytes("video,mos\n“a”.mp4,3\n".encode("cp1252"))
    with pytest.raises(LabelError, match=r"line 2: the byte 0x93 .* iconv -f cp1252 -t utf-8"):
        read_label_text(file)


def test_utf_16_that_is_cut_off_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_bytes(TEXT.encode("utf-16")[:-1])
    with pytest.raises(LabelError, match="is no UTF-16"):
        read_label_text(file)


def zip_of(name: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, "content")
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (zip_of("[Content_Types].xml"), "a workbook of Excel.*not a list of labels.*as CSV"),
        (zip_of("xl/workbook.xml"), "a workbook of Excel.*save it as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "a document of Excel.*save it as CSV"),
        (b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet",
         "a workbook of LibreOffice.*save it as CSV"),
        (b"MATLAB 5.0 MAT-file" + bytes(99), "a file of MATLAB.*writetable"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "a Git LFS.*git lfs pull"),
        (b"<!DOCTYPE html><title>Sign in</title>", "a web page.*'Sign in'"),
        (b"%PDF-1.7\n\xe2\xe3", "a PDF"),
        (zip_of("labels.csv"), "a zip archive.*unpack it first"),
        (b"\x1f\x8b\x08\x00", "packed with gzip.*gunzip it first"),
    ],
)  # fmt: skip
def test_what_is_no_text_is_called_what_it_is(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "labels.csv"
    file.write_bytes(content)
    with pytest.raises(LabelError, match=rf"labels\.csv: is {words}"):
        read_label_text(file)


def test_a_file_that_cannot_be_read_is_no_traceback(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"nowhere\.csv: no label file"):
        read_label_text(tmp_path / "nowhere.csv")
    with pytest.raises(LabelError, match="cannot be read"):
        read_label_text(tmp_path)
