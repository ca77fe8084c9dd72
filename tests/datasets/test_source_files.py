"""Links are followed wherever they lead, but not in circles, and files on their way are none."""

import os
from pathlib import Path

import pytest

from vqathinker.datasets.matching import video_files
from vqathinker.datasets.source_files import SourceFolderError, walk_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """videos/ with one file, and a folder of another disk with two."""
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "1.mp4").write_bytes(b"one")
    (tmp_path / "other" / "deep").mkdir(parents=True)
    (tmp_path / "other" / "2.mp4").write_bytes(b"two")
    (tmp_path / "other" / "deep" / "3.mp4").write_bytes(b"three")
    return tmp_path / "videos"


def names(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in walk_files(folder)]


def test_a_linked_folder_inside_is_gone_through(folder: Path) -> None:
    (folder / "batch").symlink_to(folder.parent / "other")
    assert names(folder) == ["1.mp4", "batch/2.mp4", "batch/deep/3.mp4"]
    assert video_files(folder) == names(folder)


def test_the_folder_itself_may_be_a_link_and_need_not_be_there(folder: Path) -> None:
    (folder.parent / "link").symlink_to(folder.parent / "other")
    assert names(folder.parent / "link") == ["2.mp4", "deep/3.mp4"]
    assert names(folder.parent / "nowhere") == []


def test_the_same_folder_behind_two_links_is_there_twice(folder: Path) -> None:
    for name in ("a", "b"):
        (folder / name).symlink_to(folder.parent / "other")
    assert names(folder).count("a/2.mp4") == names(folder).count("b/2.mp4") == 1


@pytest.mark.parametrize("to", [".", "..", "loop"])
def test_a_link_that_leads_back_is_refused_by_name(folder: Path, to: str) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "loop").symlink_to(folder if to == "loop" else to)
    if to == "..":
        (folder.parent / "link").symlink_to(folder)
    with pytest.raises(SourceFolderError, match=r"deep/loop: this link leads back to .*remove it"):
        names(folder)


def test_two_links_that_lead_to_each_other_are_refused(folder: Path) -> None:
    (folder / "link").symlink_to(folder.parent / "other")
    (folder.parent / "other" / "back").symlink_to(folder)
    with pytest.raises(SourceFolderError, match=r"link/back: this link leads back to"):
        names(folder)


def test_links_to_nothing_and_pipes_are_seen_so_that_they_get_a_reason(folder: Path) -> None:
    (folder / "gone.mp4").symlink_to(folder / "nowhere.mp4")
    (folder / "itself.mp4").symlink_to("itself.mp4")
    os.mkfifo(folder / "pipe.mp4")
    assert names(folder) == ["1.mp4", "gone.mp4", "itself.mp4", "pipe.mp4"]


def test_files_on_their_way_are_none_of_the_set(folder: Path) -> None:
    for name in ("2.mp4.part", "2.mp4.part.json", "2.mp4.part.json.new", ".a.zip.part",
                 "2.mp4.part.driveabcd1234.part", ".source.json.123.part"):  # fmt: skip
        (folder / name).touch()
    (folder / "part.mp4").touch()
    assert names(folder) == ["1.mp4", "part.mp4"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_read_is_an_error(folder: Path) -> None:
    (folder / "secret").mkdir(mode=0)
    with pytest.raises(SourceFolderError, match="secret: cannot be read"):
        names(folder)
