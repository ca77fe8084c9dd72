"""What is an archive by its first bytes, and what is one that is not read here."""

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
        (b"MSCF", "a cabinet of Windows"),
    ],
)
def test_archives_of_other_kinds_name_the_way_out(tmp_path: Path, start: bytes, kind: str) -> None:
    (tmp_path / "file").write_bytes(start)
    with pytest.raises(DamagedArchiveError, match=f"is {kind}.*with another program, such as"):
        is_archive(tmp_path / "file")


@pytest.mark.parametrize(
    ("name", "start", "command"),
    [
        ("set.z01", b"PK\x07\x08PK\x03\x04", "zip -s 0 {}/set.zip --out {}/set-joined.zip"),
        ("set.z02", b"any bytes", "zip -s 0 {}/set.zip --out {}/set-joined.zip"),
        ("set.zip.001", b"PK\x03\x04", "cat {}/set.zip.* > {}/set.zip"),
        ("set.tar.gz.02", b"any bytes", "cat {}/set.tar.gz.* > {}/set.tar.gz"),
        ("first", b"PK\x07\x08PK\x03\x04", "zip -s 0 {}/NAME.zip --out {}/NAME-joined.zip"),
    ],
)
def test_a_piece_of_an_archive_names_the_command_that_joins_them(
    tmp_path: Path, name: str, start: bytes, command: str
) -> None:
    (tmp_path / name).write_bytes(start)
    with pytest.raises(DamagedArchiveError) as caught:
        is_archive(tmp_path / name)
    assert command.replace("{}", str(tmp_path)) in str(caught.value)
