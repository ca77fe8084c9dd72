"""The folder of uploads: private, bounded, and empty when it should be."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from vqathinker.serving.uploads import UploadFolder


@pytest.fixture
def uploads() -> Iterator[UploadFolder]:
    folder = UploadFolder(most_bytes=100)
    yield folder
    folder.close()


def arrive(uploads: UploadFolder, name: str = "a.mp4") -> Path:
    path = uploads.path / "hash" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(bytes(60))
    uploads.arrived([path])
    return path


def test_an_upload_is_gone_once_it_was_taken_whatever_happens(uploads: UploadFolder) -> None:
    upload = arrive(uploads)
    owned = []

    def fail() -> None:
        with uploads.taken(upload) as own:
            owned.append(own)
            assert own.read_bytes() == bytes(60)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not owned[0].exists()
    assert not upload.parent.exists()


def test_an_upload_of_two_people_goes_with_the_second(uploads: UploadFolder) -> None:
    upload = arrive(uploads)
    arrive(uploads)
    with uploads.taken(upload):
        pass
    with uploads.taken(upload) as own:
        assert own.exists()
    with pytest.raises(FileNotFoundError), uploads.taken(upload):
        pass


def test_what_lies_elsewhere_is_not_taken(uploads: UploadFolder, tmp_path: Path) -> None:
    other = tmp_path / "other.mp4"
    other.write_bytes(b"mine")
    link = uploads.path / "link"
    link.symlink_to(other)
    for path in (other, link, uploads.path / ".." / other.name):
        with pytest.raises(FileNotFoundError), uploads.taken(path):
            pass
    assert other.exists()


def test_only_so_much_fits_and_what_was_forgotten_is_swept(uploads: UploadFolder) -> None:
    upload = arrive(uploads)
    assert uploads.has_room_for(40)
    assert not uploads.has_room_for(41)
    uploads.sweep()
    assert upload.exists()
    os.utime(upload, (0, 0))
    uploads.sweep()
    assert not upload.exists()
