"""An mp4 that names another place for its pictures is told from one that holds them."""

from pathlib import Path

import pytest
from tests.serving.hostile import with_references

from vqathinker.video.container import open_video
from vqathinker.video.damage import DamagedVideo
from vqathinker.video.references import refers_elsewhere

ALIAS = b"\1" * 200
PLACES = [(b"url ", b"http://127.0.0.1/a.mp4\0"), (b"urn ", b"a\0b\0"), (b"alis", ALIAS)]


@pytest.mark.parametrize(("kind", "place"), PLACES)
def test_another_place_is_never_opened(
    mp4: Path, tmp_path: Path, kind: bytes, place: bytes
) -> None:
    path = tmp_path / "a.mov"
    path.write_bytes(with_references(mp4, kind, place))
    with pytest.raises(DamagedVideo) as caught, open_video(path):
        pass
    assert caught.value.status == "elsewhere"


@pytest.mark.parametrize("place", [b"", b"\0"])
def test_a_mark_that_names_no_place_is_none(mp4: Path, tmp_path: Path, place: bytes) -> None:
    path = tmp_path / "a.mov"
    path.write_bytes(with_references(mp4, b"url ", place))
    assert not refers_elsewhere(path)


def test_clips_that_hold_their_pictures_are_left_alone(
    mp4: Path, index_first: Path, mkv: Path, avi: Path
) -> None:
    for path in (mp4, index_first, mkv, avi):
        assert not refers_elsewhere(path)


@pytest.mark.parametrize(
    "content", [b"", b"\0\0\0\x08moov" * 3, b"\0\0\0\1moov\0", b"\0\0\0\7moov"]
)
def test_boxes_that_do_not_fit_end_the_search(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    assert not refers_elsewhere(path)
