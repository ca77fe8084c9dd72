"""The journal: the next call knows what was fetched, however this one ended."""

from dataclasses import replace
from pathlib import Path

import pytest

from vqathinker.datasets.fetching.journal import FetchedFile, FetchJournal
from vqathinker.journal import open_journal

ARCHIVE = FetchedFile("a.zip", "a_partsaa", "https://example.org/a", 700, "1" * 64, None)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "small" / "source"


def test_the_next_call_knows_what_was_fetched(source: Path) -> None:
    placed = replace(ARCHIVE, files={"videos/a/1.mp4": 12})
    with open_journal(source, {"set": "small"}) as entries:
        journal = FetchJournal(source, entries)
        journal.add(ARCHIVE)
        journal.add(replace(ARCHIVE, name="a_partsab"))
        journal.pin_revision("owner/videos", "7cebd23")
        journal.begin_videos()
        journal.add(placed)
    with (source.parent / ".source.journal").open("a", encoding="utf-8") as file:
        file.write('{"fetched": {"file": "b.z')  # a killed process leaves half a line
    with open_journal(source, {"set": "small"}) as entries:
        for known in (FetchJournal(source), FetchJournal(source, entries)):
            assert known.find("a_partsaa") == placed
            assert [one.name for one in known.of_card_file("a.zip")] == ["a_partsaa", "a_partsab"]
            assert known.revision_of("owner/videos") == "7cebd23"
            assert known.videos_begun
            assert known.find("b.zip") is None
            assert known.revision_of("owner/others") is None


def test_a_file_is_in_place_while_all_it_became_is_there_in_its_size(tmp_path: Path) -> None:
    assert not ARCHIVE.is_in_place(tmp_path)
    unpacked = replace(ARCHIVE, files={"1.mp4": 3, "2.mp4": 4})
    (tmp_path / "1.mp4").write_bytes(b"one")
    assert not unpacked.is_in_place(tmp_path)
    (tmp_path / "2.mp4").write_bytes(b"four")
    assert unpacked.is_in_place(tmp_path)
    (tmp_path / "2.mp4").write_bytes(b"another")
    assert not unpacked.is_in_place(tmp_path)
