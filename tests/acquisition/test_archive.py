"""What is an archive by its first bytes, and archives that came in pieces or parts."""

import io
import re
import struct
import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.acquisition.conftest import files_below

from vqathinker.acquisition.archive import is_archive, pieces_of_zip
from vqathinker.acquisition.errors import DamagedArchiveError
from vqathinker.acquisition.unpack import unpack

FILES = {f"{n}.mp4": np.random.default_rng(n).bytes(40_000) for n in range(5)}


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("file", b"Rar!\x1a\x07\x01\x00"),
        ("file", b"7z\xbc\xaf\x27\x1c"),
        ("set.zip.001", b"any bytes"),
        ("set.tar.gz.aa", b"any bytes"),
    ],
)
def test_other_formats_and_single_pieces_are_refused_by_name(tmp_path, name, start):
    (tmp_path / name).write_bytes(start)
    with pytest.raises(DamagedArchiveError, match=re.escape(name)):
        is_archive(tmp_path / name)


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


@settings(max_examples=20)
@given(st.sets(st.integers(5, 200_179), max_size=12))
def test_a_zip_in_pieces_is_unpacked_wherever_it_was_cut(tmp_path_factory, borders):
    folder = tmp_path_factory.mktemp("any")
    last = write_pieces(folder, split_zip(FILES, sorted(borders)))
    assert is_archive(last)
    assert len(pieces_of_zip(last)) == len(borders) + 1
    unpack([last], folder / "source", max_files=9, max_bytes=1_000_000)
    assert files_below(folder / "source") == FILES


def test_a_piece_that_is_not_there_is_named(tmp_path, unpack_all):
    last = write_pieces(tmp_path, split_zip(FILES, [64_000, 128_000, 192_000]))
    (tmp_path / "set.z02").unlink()
    with pytest.raises(DamagedArchiveError, match=r"set\.z02"):
        unpack_all(last)
