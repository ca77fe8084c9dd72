"""The journal: what came is known to the next run, however this one ended."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from vqathinker.datasets.fetching.journal import FetchedFile, FetchJournal

ARCHIVE = FetchedFile("a.zip", "a_partsaa", "https://example.org/a", 700, "1" * 64, None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "small" / "brought.jsonl"


def test_the_next_run_knows_what_came(path: Path) -> None:
    journal = FetchJournal(path)
    journal.add(ARCHIVE)
    journal.add(replace(ARCHIVE, name="a_partsab"))
    journal.pin_revision("owner/videos", "7cebd23")
    journal.begin_videos()
    placed = replace(ARCHIVE, files={"videos/a/1.mp4": 12})
    journal.add(placed)

    known = FetchJournal(path)
    assert known.find("a_partsaa") == placed
    assert [one.name for one in known.of_card_file("a.zip")] == ["a_partsaa", "a_partsab"]
    assert known.revision_of("owner/videos") == "7cebd23"
    assert known.videos_begun
    assert known.find("b.zip") is None
    assert known.of_card_file("b.zip") == []
    assert known.revision_of("owner/others") is None


def test_a_line_is_what_earlier_versions_wrote(path: Path) -> None:
    """Sets that were fetched before stay fetched."""
    arrival = {"file": "a.zip", "name": "a.zip", "origin": None, "size": 5, "sha256": "0" * 64,
               "revision": None, "files": {"videos/a/1.mp4": 12}}  # fmt: skip
    lines = [{"begun": True}, {"arrival": arrival}, {"repository": "o/v", "revision": "7cebd23"}]
    path.parent.mkdir()
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    journal = FetchJournal(path)
    assert journal.find("a.zip") == FetchedFile(**arrival)
    assert journal.videos_begun
    assert journal.revision_of("o/v") == "7cebd23"
    journal.add(FetchedFile(**arrival))
    assert json.loads(path.read_text(encoding="utf-8").splitlines()[-1]) == lines[1]


def test_half_a_line_of_a_killed_process_counts_for_nothing(path: Path) -> None:
    FetchJournal(path).add(ARCHIVE)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"arrival": {"file": "b.z')
    FetchJournal(path).begin_videos()
    journal = FetchJournal(path)
    assert journal.find("a_partsaa") == ARCHIVE
    assert journal.videos_begun


def test_videos_are_the_users_until_a_first_one_was_fetched(path: Path) -> None:
    source = path.parent / "source"
    journal = FetchJournal(path)
    assert not journal.has_manual_videos(source)
    (source / "videos").mkdir(parents=True)
    (source / "videos" / "1.mp4").touch()
    assert journal.has_manual_videos(source)
    journal.begin_videos()
    assert not FetchJournal(path).has_manual_videos(source)


def test_a_file_is_in_place_while_all_it_became_is_there_in_its_size(tmp_path: Path) -> None:
    assert not ARCHIVE.is_in_place(tmp_path)
    unpacked = replace(ARCHIVE, files={"1.mp4": 3, "2.mp4": 4})
    (tmp_path / "1.mp4").write_bytes(b"one")
    assert not unpacked.is_in_place(tmp_path)
    (tmp_path / "2.mp4").write_bytes(b"four")
    assert unpacked.is_in_place(tmp_path)
    (tmp_path / "2.mp4").write_bytes(b"another")
    assert not unpacked.is_in_place(tmp_path)
