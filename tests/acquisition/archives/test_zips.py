"""Zip files as macOS, Windows and PowerShell write them."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqathinker.acquisition.archives.members import ArchiveLimits, DamagedArchiveError
from vqathinker.acquisition.archives.unpack import unpack
from vqathinker.acquisition.transfer.errors import UnsafeError

AMPLE = ArchiveLimits(files=1000, bytes=100_000_000, ratio=1000.0)
FAT, UNIX = 0, 3


def zip_of(*names: str, system: int = UNIX, extra: bytes = b"") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            info = zipfile.ZipInfo("x")
            info.filename = info.orig_filename = name
            info.create_system, info.extra = system, extra
            archive.writestr(info, b"" if name.endswith("\\") else b"1")
    return out.getvalue()


def zip_with_raw_name(name: bytes, extra: bytes = b"") -> bytes:
    """Without the flag that says UTF-8; Python's own always writes it where it is needed."""
    stand_in = "x" * len(name)
    return zip_of(stand_in, extra=extra).replace(stand_in.encode(), name)


@pytest.fixture
def unpacked(archive: Callable, files_below: Callable, tmp_path: Path) -> Callable:
    """unpacked(content) are the names of the files of an archive, in order."""

    def unpacked(content: bytes) -> list[str]:
        unpack(archive(content), tmp_path / "source", limits=AMPLE)
        return sorted(files_below(tmp_path / "source"))

    return unpacked


@pytest.mark.parametrize(
    "name",
    [
        "Screen Recording 2025-01-01 at 3.14.15\u202fPM.mov",
        "a\u00a0b.mp4",
        "\u3000.mp4",
        "👨\u200d👩\u200d👧.mp4",  # held together by a character of no width
        "می\u200cخواهم.mp4",
        "\u200eשלום.mp4",
        "e\u0301.mp4",
    ],
)
def test_blanks_and_scripts_of_all_kinds_are_fine_in_names(unpacked: Callable, name: str) -> None:
    assert unpacked(zip_of(name)) == [name]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a\x07.mp4", "a control character"),
        ("a\u0085.mp4", "a control character"),
        ("a\u2028.mp4", "a control character"),
        ("\u202e4pm.mp4", "turns the direction of writing"),
        ("a\u2066.mp4", "turns the direction of writing"),
    ],
)
def test_names_that_move_the_cursor_or_read_otherwise_are_refused(
    unpacked: Callable, name: str, reason: str
) -> None:
    with pytest.raises(UnsafeError, match=reason) as caught:
        unpacked(zip_of(name))
    assert str(caught.value).isprintable()


def test_utf_8_is_read_as_such_without_its_flag(
    unpacked: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    assert unpacked(zip_with_raw_name("été/视频.mp4".encode())) == ["été/视频.mp4"]
    assert caplog.text == ""


def test_other_names_are_read_as_the_standard_says_and_that_is_said(
    unpacked: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    assert unpacked(zip_with_raw_name("视频.mp4".encode("gbk"))) == ["╩╙╞╡.mp4"]
    assert "1 names are not UTF-8 and are read as cp437" in caplog.text
    assert "'╩╙╞╡.mp4'" in caplog.text
    assert "python -m zipfile --metadata-encoding gb18030 -e " in caplog.text


@pytest.mark.parametrize(("of", "found"), [("视频.mp4", "视频.mp4"), ("other.mp4", "╩╙╞╡.mp4")])
def test_the_name_in_utf_8_that_stands_beside_another_counts_where_it_is_of_that_name(
    unpacked: Callable, of: str, found: str
) -> None:
    """The Unicode path of Info-ZIP (APPNOTE 4.6.9)."""
    field = struct.pack("<BL", 1, zlib.crc32(of.encode("gbk"))) + "视频.mp4".encode()
    extra = struct.pack("<HH", 0x7075, len(field)) + field
    assert unpacked(zip_with_raw_name("视频.mp4".encode("gbk"), extra)) == [found]


@pytest.mark.parametrize("system", [FAT, UNIX])
def test_backslashes_of_powershell_are_folders(unpacked: Callable, system: int) -> None:
    content = zip_of("videos\\", "videos\\b1\\1.mp4", "2.mp4", system=system)
    assert unpacked(content) == ["2.mp4", "videos/b1/1.mp4"]


def test_backslashes_beside_slashes_are_folders_only_where_windows_wrote_them(
    unpacked: Callable,
) -> None:
    with pytest.raises(UnsafeError, match="a backslash"):
        unpacked(zip_of("b1/1.mp4", "b1/a\\b.mp4", system=UNIX))
    assert unpacked(zip_of("b1/1.mp4", "b1\\2.mp4", system=FAT)) == ["b1/1.mp4", "b1/2.mp4"]


@given(st.lists(st.text("ab", min_size=1, max_size=3), min_size=1, max_size=4))
def test_a_backslash_never_leads_out(tmp_path_factory: pytest.TempPathFactory, parts: list) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "a.zip").write_bytes(zip_of("\\".join([*parts, "..", "..", "..", "..", "..", "x"])))
    with pytest.raises(UnsafeError, match="leads upwards"):
        unpack(folder / "a.zip", folder / "source", limits=AMPLE)


def test_bytes_before_and_behind_a_zip_are_passed_over(unpacked: Callable) -> None:
    assert unpacked(b"PK self-extracting program" + zip_of("a.mp4") + b"\r\n\r\n") == ["a.mp4"]


def test_a_zip_without_its_end_says_what_may_mend_it_in_our_own_words(
    unpacked: Callable,
) -> None:
    with pytest.raises(DamagedArchiveError, match="zip -FF") as caught:
        unpacked(zip_of("a.mp4") + bytes(100_000))
    assert "File is not a zip file" not in str(caught.value)


@pytest.mark.parametrize("content", [b"<html>Log in</html>", b"Quota exceeded\n"])
def test_what_is_no_archive_is_called_what_it_is(unpacked: Callable, content: bytes) -> None:
    with pytest.raises(DamagedArchiveError, match=r"is (a web page|text), not an archive"):
        unpacked(content)
