"""The plan of a file: what has to come and where it goes, from card, journal and disk alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vqathinker.acquisition.errors import DamagedArchiveError
from vqathinker.datasets.card import Card
from vqathinker.datasets.fetching.journal import FetchedFile, FetchJournal
from vqathinker.datasets.fetching.plan import (
    PasswordMissingError,
    PlannedFile,
    expand_per_video,
    plan_file,
)

URLS = ["https://example.org/file"]
UNPACK = {"unpack": "zip", "limits": {"files": 10, "bytes": 10**7}}
DROP = {"manual": {"page": "https://example.org/form", "drop": "*"}}
ACCESS = {"kind": "token", "say": "By a form.", "page": "https://example.org", "token_env": "PASS"}


class Place:
    """A set's folders and journal, and the plan of the first file of its card."""

    def __init__(self, folder: Path, make_card: Callable[..., Card]) -> None:
        self.source, self.downloads = folder / "source", folder / "downloads"
        self.journal = FetchJournal(self.source)
        self.make_card = make_card

    def plan(self, file: dict[str, Any], **changes: Any) -> list[PlannedFile]:
        card = self.make_card(files=[file], **changes)
        return list(plan_file(card.files[0], card, self.source, self.journal))

    def drop(self, name: str, content: bytes) -> Path:
        self.downloads.mkdir(exist_ok=True)
        (self.downloads / name).write_bytes(content)
        return self.downloads / name

    def note(self, name: str, size: int, **files: int) -> None:
        self.journal.add(FetchedFile(name, name, None, size, "0" * 64, None, files))


@pytest.fixture
def place(tmp_path: Path, make_card: Callable[..., Card]) -> Place:
    return Place(tmp_path, make_card)


def test_an_archive_comes_into_downloads_and_is_unpacked_into_a_folder_of_its_name(
    place: Place,
) -> None:
    [planned] = place.plan({"name": "a.zip", "urls": URLS} | UNPACK)
    [piece] = planned.pieces
    assert piece.target == place.downloads / "a.zip"
    assert planned.folder == place.source / "videos" / "a"
    assert planned.needs_unpacking
    assert planned.has_videos
    assert not planned.manual


def test_parts_come_one_by_one_in_the_order_of_the_card(place: Place) -> None:
    parts = [{"name": f"a_parts{end}", "urls": URLS} for end in ("aa", "ab", "ac")]
    [planned] = place.plan({"name": "a.zip", "parts": parts} | UNPACK)
    targets = [piece.target.name for piece in planned.pieces]
    assert targets == ["a_partsaa", "a_partsab", "a_partsac"]
    assert planned.folder == place.source / "videos" / "a"


@pytest.mark.parametrize(
    ("name", "into", "has_videos"),
    [("labels.csv", ".", False), ("1.mp4", "videos", True)],
)
def test_what_is_not_unpacked_goes_straight_to_its_place(
    place: Place, name: str, into: str, has_videos: bool
) -> None:
    [planned] = place.plan({"name": name, "urls": URLS, "into": into})
    [piece] = planned.pieces
    assert piece.target == place.source / into / name
    assert not planned.needs_unpacking
    assert planned.has_videos == has_videos


def test_what_is_in_place_is_not_planned_until_it_is_gone(place: Place) -> None:
    file = {"name": "1.mp4", "urls": URLS, "into": "videos"}
    (place.source / "videos").mkdir(parents=True)
    (place.source / "videos" / "1.mp4").write_bytes(b"one")
    assert len(place.plan(file)) == 1  # nobody knows where it is from
    place.note("1.mp4", 3, **{"videos/1.mp4": 3})
    assert place.plan(file) == []
    (place.source / "videos" / "1.mp4").unlink()
    assert len(place.plan(file)) == 1


def test_without_its_password_an_encrypted_archive_is_not_planned(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = {"name": "a.zip", "urls": URLS, "password_env": "PASS"} | UNPACK
    monkeypatch.delenv("PASS", raising=False)
    with pytest.raises(PasswordMissingError, match=r"a\.zip.*PASS"):
        place.plan(file, access=ACCESS)
    monkeypatch.setenv("PASS", "opens nothing")
    assert len(place.plan(file, access=ACCESS)) == 1


def test_of_what_a_person_has_dropped_archives_are_unpacked_and_videos_copied(
    place: Place,
) -> None:
    file = {"name": "the archives"} | DROP | UNPACK | {"unpack": "auto"}
    assert place.plan(file) == []
    archive, video = place.drop("b.zip", b"PK\x03\x04"), place.drop("c.mp4", b"a video")
    unpacked, copied = place.plan(file)
    assert unpacked.needs_unpacking
    assert unpacked.pieces[0].target == archive
    assert unpacked.folder == place.source / "videos" / "b"
    assert not copied.needs_unpacking
    assert copied.pieces[0].name == video.name
    assert copied.pieces[0].target == place.source / "videos" / "c.mp4"
    assert unpacked.manual
    assert copied.manual


def test_what_was_dropped_is_planned_again_only_when_it_is_another(place: Place) -> None:
    file = {"name": "the archives"} | DROP | UNPACK | {"unpack": "auto"}
    place.drop("c.mp4", b"a video")
    (place.source / "videos").mkdir(parents=True)
    (place.source / "videos" / "c.mp4").write_bytes(b"a video")
    place.note("c.mp4", 7, **{"videos/c.mp4": 7})
    assert place.plan(file) == []
    place.drop("c.mp4", b"a better video")
    assert len(place.plan(file)) == 1


def test_what_was_dropped_before_an_archive_that_cannot_be_read_is_planned_first(
    place: Place, make_card: Callable[..., Card]
) -> None:
    card = make_card(files=[{"name": "the archives"} | DROP | UNPACK | {"unpack": "auto"}])
    place.drop("a.mp4", b"a video")
    place.drop("b.rar", b"Rar!\x1a\x07\x01\x00")
    coming = plan_file(card.files[0], card, place.source, place.journal)
    assert next(coming).pieces[0].name == "a.mp4"
    with pytest.raises(DamagedArchiveError, match=r"b\.rar"):
        next(coming)


def test_a_file_a_video_stands_for_those_of_the_labels(
    make_card: Callable[..., Card], make_source: Callable[..., Path]
) -> None:
    source = make_source([("b/1 x.mp4", 3), ("2.mp4", 4)])
    urls = ["https://example.org/{video}"]
    stated = {"name": "{video}", "per_video": True, "urls": urls, "into": "videos"}
    card = make_card(files=[stated, {"name": "a.zip", "urls": URLS} | UNPACK])
    one, two = expand_per_video(card.files[0], card, source)
    assert (one.name, one.urls) == ("b/1 x.mp4", ("https://example.org/b/1%20x.mp4",))
    assert (two.name, two.urls) == ("2.mp4", ("https://example.org/2.mp4",))
    assert list(expand_per_video(card.files[1], card, source)) == [card.files[1]]
