"""A zip in pieces is read as one, from where they lie."""

import io
import struct
import zipfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqathinker.acquisition.archives.members import ArchiveLimits, DamagedArchiveError
from vqathinker.acquisition.archives.signature import is_archive
from vqathinker.acquisition.archives.split import EndRecord, pieces_of_zip, read_end_record
from vqathinker.acquisition.archives.unpack import unpack

AMPLE = ArchiveLimits(files=1000, bytes=100_000_000, ratio=1000.0)
FILES = {f"{n}.mp4": np.random.default_rng(n).bytes(40_000) for n in range(5)}


def split_zip(files: dict[str, bytes], borders: list[int]) -> list[bytes]:
    """Pieces as Zip 3.0 writes them (checked against `zip -s 64k`): a marker at the start, offsets
    in each piece, the number of the piece in the table of contents and at the end."""
    out = io.BytesIO(b"PK\x07\x08")
    out.seek(4)
    with zipfile.ZipFile(out, "a") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        contents_at = archive.start_dir
    whole = bytearray(out.getvalue())
    cuts = [0, *borders, len(whole)]

    def place(offset: int) -> tuple[int, int]:
        piece = max(number for number, start in enumerate(cuts[:-1]) if start <= offset)
        return piece, offset - cuts[piece]

    at = contents_at
    while whole[at : at + 4] == b"PK\x01\x02":
        name, extra, comment, _ = struct.unpack_from("<4H", whole, at + 28)
        piece, offset = place(struct.unpack_from("<L", whole, at + 42)[0])
        struct.pack_into("<H", whole, at + 34, piece)
        struct.pack_into("<L", whole, at + 42, offset)
        at += 46 + name + extra + comment
    piece, offset = place(contents_at)
    struct.pack_into("<2H", whole, at + 4, len(cuts) - 2, piece)
    struct.pack_into("<L", whole, at + 16, offset)
    return [bytes(whole[start:end]) for start, end in pairwise(cuts)]


def write_pieces(folder: Path, pieces: list[bytes]) -> Path:
    for number, piece in enumerate(pieces[:-1], 1):
        (folder / f"set.z{number:02d}").write_bytes(piece)
    (folder / "set.zip").write_bytes(pieces[-1])
    return folder / "set.zip"


def test_all_its_files_come_out(tmp_path: Path, files_below: Callable) -> None:
    last = write_pieces(tmp_path, split_zip(FILES, [64_000, 128_000, 192_000]))
    assert is_archive(last)
    assert [path.name for path in pieces_of_zip(last)] == [
        "set.z01", "set.z02", "set.z03", "set.zip"
    ]  # fmt: skip
    unpack(last, tmp_path / "source", limits=AMPLE)
    assert files_below(tmp_path / "source") == FILES


@given(st.sets(st.integers(5, 200_179), max_size=12))
def test_wherever_it_was_cut_before_its_table_of_contents(
    files_below: Callable, tmp_path_factory: pytest.TempPathFactory, borders: set[int]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    last = write_pieces(folder, split_zip(FILES, sorted(borders)))
    unpack(last, folder / "source", limits=AMPLE)
    assert files_below(folder / "source") == FILES


def test_a_piece_that_is_not_there_is_named(tmp_path: Path) -> None:
    last = write_pieces(tmp_path, split_zip(FILES, [64_000, 128_000, 192_000]))
    (tmp_path / "set.z02").unlink()
    with pytest.raises(DamagedArchiveError, match=r"last of 4 pieces.*beside it, set\.z02$"):
        unpack(last, tmp_path / "source", limits=AMPLE)


def test_pieces_of_a_card_in_another_order_are_refused(tmp_path: Path) -> None:
    last = write_pieces(tmp_path, split_zip(FILES, [100_000]))
    with pytest.raises(DamagedArchiveError):
        unpack([last, tmp_path / "set.z01"], tmp_path / "source", limits=AMPLE)


def test_with_private_data_in_it_all_pieces_go(tmp_path: Path) -> None:
    files = {"raters.csv": b"10.0.0.1", "1.mp4": bytes(1000)}
    last = write_pieces(tmp_path, split_zip(files, [500]))
    unpack(last, tmp_path / "source", limits=AMPLE, private=["raters.csv"])
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (split_zip(FILES, [])[0], EndRecord(0, 0)),
        (split_zip(FILES, [100, 200])[2], EndRecord(2, 2)),
        (b"PK\x05\x06" + b"\xff" * 18, None),  # zip64, or no zip
        (b"PK\x05\x06" + bytes(7), None),
        (b"", None),
        (b"any bytes", None),
    ],
)
def test_the_end_says_how_many_pieces_there_are(content: bytes, found: EndRecord | None) -> None:
    assert read_end_record(io.BytesIO(content)) == found
