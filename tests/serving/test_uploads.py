"""The folder of uploads is private and bounded, and deletes scored clips."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from vqathinker.serving.uploads import UploadFolder


@pytest.fixture
def uploads() -> Iterator[UploadFolder]:
    folder = UploadFolder(max_bytes=100)
    yield folder
    folder.close()


def add_upload(uploads: UploadFolder, name: str = "a.mp4") -> Path:
    path = uploads.path / "hash" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(bytes(60))
    uploads.add([path])
    return path


def test_an_upload_is_deleted_even_if_scoring_fails(uploads: UploadFolder) -> None:
    upload = add_upload(uploads)
    with suppress(ZeroDivisionError), uploads.take(upload) as path:
        assert path.read_bytes() == bytes(60)
        raise ZeroDivisionError
    assert not upload.parent.exists()


def test_an_upload_of_two_people_is_deleted_after_the_second(uploads: UploadFolder) -> None:
    upload = add_upload(uploads)
    add_upload(uploads)
    with uploads.take(upload):
        pass
    with uploads.take(upload) as path:
        assert path.exists()
    with pytest.raises(FileNotFoundError), uploads.take(upload):
        pass


def test_files_outside_the_folder_are_rejected(uploads: UploadFolder, tmp_path: Path) -> None:
    other = tmp_path / "other.mp4"
    other.write_bytes(b"mine")
    link = uploads.path / "link"
    link.symlink_to(other)
    for path in (other, link, uploads.path / ".." / other.name):
        with pytest.raises(FileNotFoundError), uploads.take(path):
            pass
    assert other.exists()


def test_size_is_limited_and_old_uploads_are_deleted(uploads: UploadFolder) -> None:
    upload = add_upload(uploads)
    assert uploads.has_space_for(40)
    assert not uploads.has_space_for(41)
    uploads.sweep()
    assert upload.exists()
    os.utime(upload, (0, 0))
    uploads.sweep()
    assert not upload.exists()
