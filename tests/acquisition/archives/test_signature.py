"""What is an archive by its first bytes, and what is one that is not read here."""

import shlex
from pathlib import Path

import pytest

from vqathinker.acquisition.archives.members import DamagedArchiveError
from vqathinker.acquisition.archives.signature import is_archive


@pytest.mark.parametrize(
    ("start", "found"),
    [
        (b"PK\x03\x04", True),
        (b"PK\x05\x06", True),
        (b"PK00PK\x03\x04", True),  # one piece, written as the first of several
        (b"\x1f\x8b\x08", True),
        (b"BZh91AY&SY", True),
        (b"\xfd7zXZ\x00", True),
        (b"name".ljust(257, b"\0") + b"ustar\x0000", True),
        (b"\0\0\0\x20ftypisom", False),
        (b"", False),
    ],
)
def test_archives_are_told_by_their_first_bytes(tmp_path: Path, start: bytes, found: bool) -> None:
    (tmp_path / "file").write_bytes(start)
    assert is_archive(tmp_path / "file") is found


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"Rar!\x1a\x07\x01\x00", "a RAR archive"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        (b"\x28\xb5\x2f\xfd", "packed with zstd"),
        (b"]\0\0\x80\0" + b"\xff" * 8, "packed with lzma"),
        (b"MSCF", "a cabinet of Windows"),
        (b"xar!\0\x1c", "a xar archive"),
        (b"!<arch>\ndebian-binary", "an ar archive"),
        (b"hsqs", "an image of SquashFS"),
        (b"StuffIt (c)1997", "a StuffIt archive"),
    ],
)
def test_archives_of_other_kinds_name_the_way_out(tmp_path: Path, start: bytes, kind: str) -> None:
    (tmp_path / "file").write_bytes(start)
    with pytest.raises(DamagedArchiveError, match=f"is {kind}.*with another program, such as"):
        is_archive(tmp_path / "file")


@pytest.mark.parametrize(
    "name",
    [
        "set.zip.001",
        "set.tar.gz.02",
        "SET.7Z.003",
        "set.tar.gz.aa",
        "set.tar.ab",
        "set.zip.part2",
        "set.tgz.part_ac",
        "set.zip.0001",
    ],
)
def test_a_numbered_piece_names_the_command_that_joins_them(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"any bytes")
    whole = shlex.quote(str(tmp_path / name.rpartition(".")[0]))
    with pytest.raises(DamagedArchiveError, match="is a piece of a split archive") as caught:
        is_archive(tmp_path / name)
    assert f"`cat {whole}.* > {whole}`" in str(caught.value)


@pytest.mark.parametrize("name", ["set.tar.gz", "set.tar.xz", "set.zip.mp4", "a.tar.avi", "set.aa"])
def test_other_endings_behind_that_of_an_archive_make_no_piece(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"any bytes")
    assert is_archive(tmp_path / name) is False


def test_a_piece_of_a_zip_asks_for_the_last_one(tmp_path: Path) -> None:
    (tmp_path / "set.z02").write_bytes(b"any bytes")
    with pytest.raises(DamagedArchiveError, match=r"set\.z02: .* put .*set\.zip beside it"):
        is_archive(tmp_path / "set.z02")
