"""Recognising archives by their first bytes, and split archives."""

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

from vqathinker.acquisition.archive import is_archive, zip_volumes
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
def test_unsupported_formats_and_single_volumes_are_rejected(tmp_path, name, start):
    (tmp_path / name).write_bytes(start)
    with pytest.raises(DamagedArchiveError, match=re.escape(name)):
        is_archive(tmp_path / name)


def split_zip(files: dict[str, bytes], borders: list[int]) -> list[bytes]:
    """Volumes as written by Zip 3.0 (compared with `zip -s 64k`): a marker at the start, offsets
    relative to the volume, and volume numbers in the central directory and the end record."""
    out = io.BytesIO(b"PK\x07\x08")
    out.seek(4)
    with zipfile.ZipFile(out, "a") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        contents_at = archive.start_dir
    content = bytearray(out.getvalue())
    cuts = [0, *borders, len(content)]

    def place(offset: int) -> tuple[int, int]:
        volume = max(number for number, start in enumerate(cuts[:-1]) if start <= offset)
        return volume, offset - cuts[volume]

    at = contents_at
    while content[at : at + 4] == b"PK\x01\x02":
        name, extra, comment, _ = struct.unpack_from("<4H", content, at + 28)
        volume, offset = place(struct.unpack_from("<L", content, at + 42)[0])
        struct.pack_into("<H", content, at + 34, volume)
        struct.pack_into("<L", content, at + 42, offset)
        at += 46 + name + extra + comment
    volume, offset = place(contents_at)
    struct.pack_into("<2H", content, at + 4, len(cuts) - 2, volume)
    struct.pack_into("<L", content, at + 16, offset)
    return [bytes(content[start:end]) for start, end in pairwise(cuts)]


def write_volumes(folder: Path, volumes: list[bytes]) -> Path:
    for number, volume in enumerate(volumes[:-1], 1):
        (folder / f"set.z{number:02d}").write_bytes(volume)
    (folder / "set.zip").write_bytes(volumes[-1])
    return folder / "set.zip"


@settings(max_examples=20)
@given(st.sets(st.integers(5, 200_179), max_size=12))
def test_split_zip_is_unpacked(tmp_path_factory, borders):
    folder = tmp_path_factory.mktemp("any")
    last = write_volumes(folder, split_zip(FILES, sorted(borders)))
    assert is_archive(last)
    assert len(zip_volumes(last)) == len(borders) + 1
    unpack([last], folder / "source", max_files=9, max_bytes=1_000_000)
    assert files_below(folder / "source") == FILES


def test_missing_volume_is_named(tmp_path, unpack_all):
    last = write_volumes(tmp_path, split_zip(FILES, [64_000, 128_000, 192_000]))
    (tmp_path / "set.z02").unlink()
    with pytest.raises(DamagedArchiveError, match=r"set\.z02"):
        unpack_all(last)
