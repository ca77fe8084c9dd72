"""Parts: read as if they were one file."""

import errno
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqathinker.acquisition.archives.parts import JoinedFiles


@given(
    pieces=st.lists(st.binary(max_size=20), min_size=1, max_size=5),
    steps=st.lists(st.tuples(st.integers(0, 110), st.integers(0, 50)), max_size=10),
)
def test_joined_parts_read_as_their_concatenation(
    pieces: list[bytes], steps: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("parts")
    paths = [folder / f"part{number}" for number in range(len(pieces))]
    for path, piece in zip(paths, pieces, strict=True):
        path.write_bytes(piece)
    whole = io.BytesIO(b"".join(pieces))
    with io.BufferedReader(JoinedFiles(paths)) as joined:
        assert joined.raw.size == len(whole.getvalue())
        assert joined.read() == whole.read()
        for position, count in steps:
            assert joined.seek(position) == whole.seek(position)
            assert joined.read(count) == whole.read(count)
            assert joined.tell() == whole.tell()
        assert joined.seek(-0, io.SEEK_END) == whole.seek(0, io.SEEK_END)


def test_a_position_before_the_start_is_an_error_as_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(b"12")
    with JoinedFiles([tmp_path / "part"]) as joined, pytest.raises(OSError, match="-1") as caught:
        joined.seek(-3, io.SEEK_END)
    assert caught.value.errno == errno.EINVAL


def test_a_part_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "partaa").write_bytes(b"12")
    with pytest.raises(FileNotFoundError, match="partab"):
        JoinedFiles([tmp_path / "partaa", tmp_path / "partab"])
    with pytest.raises(ValueError, match="no parts given"):
        JoinedFiles([])
