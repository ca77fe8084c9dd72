"""`find_problems` reports all differences between a set and its receipt, card and manifest."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from vqathinker.datasets.card import Card
from vqathinker.datasets.fetching.journal import FetchResult
from vqathinker.datasets.inventory import find_problems
from vqathinker.datasets.manifest import build_manifest, write_manifest
from vqathinker.datasets.receipt import write_receipt
from vqathinker.errors import InputError

MakeCard = Callable[..., Card]
MakeSource = Callable[..., Path]


@pytest.fixture
def card(make_card: MakeCard) -> Card:
    return make_card(expected=2, never_keep=["*_subjective.csv"])


@pytest.fixture
def source(make_source: MakeSource, tmp_path: Path, card: Card) -> Path:
    """Source folder of a complete set: two videos, receipt and manifest."""
    made = make_source([("1.mp4", 3), ("2.mp4", 4)], ["1.mp4", "2.mp4"])
    source = tmp_path / "data" / "small" / "source"
    source.parent.mkdir(parents=True)
    made.rename(source)
    describe(source, card)
    return source


def describe(source: Path, card: Card) -> None:
    write_receipt(card, source, source.with_suffix(".json"), FetchResult(is_manual=True))
    write_manifest(build_manifest(source, card), source.parent / "manifest.parquet", card)


def problems(source: Path, card: Card, configured: int | None = 2) -> list[str]:
    return find_problems(card, source.parents[1], configured)


def test_complete_set_has_no_problems(source: Path, card: Card) -> None:
    assert problems(source, card) == []


def test_changed_truncated_and_missing_files(source: Path, card: Card) -> None:
    changed, short = source / "labels.csv", source / "videos" / "1.mp4"
    changed.write_text(changed.read_text().replace("3", "5"))
    short.write_bytes(short.read_bytes()[:-7])
    gone = source / "videos" / "2.mp4"
    gone.unlink()
    found = problems(source, card)
    for path, problem in zip((changed, short, gone), found, strict=True):
        assert problem.startswith(f"{path}: ")


def test_unfetched_set_names_commands(tmp_path: Path, card: Card) -> None:
    receipt, labels, manifest = find_problems(card, tmp_path, None)
    assert "`vqathinker data fetch small`" in receipt
    assert "labels.csv" in labels
    assert "`vqathinker data manifest small`" in manifest


def test_missing_and_damaged_videos(source: Path, card: Card) -> None:
    (source / "videos" / "1.mp4").unlink()
    (source / "videos" / "2.mp4").write_bytes(b"")
    describe(source, card)
    missing, damaged = problems(source, card)
    assert "1.mp4" in missing
    assert "2.mp4" in damaged
    assert "empty file" in damaged


def test_demo_set_may_have_damaged_videos(source: Path, make_card: MakeCard) -> None:
    made = make_card(access={"kind": "made", "say": "here"})
    (source / "videos" / "2.mp4").write_bytes(b"")
    describe(source, made)
    assert problems(source, made) == []


def test_counts_of_card_and_params(source: Path, make_card: MakeCard, card: Card) -> None:
    [problem] = problems(source, make_card(expected=3))
    assert all(word in problem for word in ("2 rows", "card", "3"))
    [problem] = problems(source, card, configured=9)
    assert all(word in problem for word in ("2 rows", "data.counts", "9"))


def test_kept_private_files(source: Path, card: Card) -> None:
    (source / "raters_subjective.csv").write_text("10.0.0.1\n")
    describe(source, card)
    [problem] = problems(source, card)
    assert problem.startswith(f"{source}/raters_subjective.csv: ")


def test_other_label_files_are_compared(source: Path, make_card: MakeCard) -> None:
    first = {"file": "labels.csv", "reader": "csv", "scale": [0, 100]}
    other = first | {"file": "other.csv", "agrees": {"within": 0.1}}
    card = make_card(labels=[first, other])
    (source / "other.csv").write_text("video,mos\n1.mp4,3.05\n2.mp4,7\n")
    describe(source, card)
    [problem] = problems(source, card)
    assert "2.mp4 (4 and 1 × 7)" in problem


def test_links_are_followed(source: Path, tmp_path: Path, card: Card) -> None:
    disk = tmp_path / "disk"
    (source / "videos").rename(disk)
    (source / "videos").symlink_to(disk)
    describe(source, card)
    listed = json.loads(source.with_suffix(".json").read_text())["files"]
    assert [file["path"] for file in listed] == ["labels.csv", "videos/1.mp4", "videos/2.mp4"]
    assert problems(source, card) == []
    (disk / "2.mp4").write_bytes(b"junk")
    [problem] = problems(source, card)
    assert problem.startswith(f"{source}/videos/2.mp4: 4 bytes")
    (disk / "loop").symlink_to(source / "videos")
    assert any("videos/loop" in problem for problem in problems(source, card))
    with pytest.raises(InputError, match="videos/loop"):
        describe(source, card)


def test_files_newer_than_receipt(source: Path, card: Card) -> None:
    (source / "videos" / "3.mp4").write_bytes(b"another")
    (source / "videos" / "4.mp4.part").write_bytes(b"unfinished")
    [problem] = problems(source, card)
    assert "videos/3.mp4" in problem
    assert "4.mp4" not in problem


@pytest.mark.parametrize("text", ["", "[]", "{}"])
def test_invalid_receipt(source: Path, card: Card, text: str) -> None:
    source.with_suffix(".json").write_text(text)
    [problem] = problems(source, card)
    assert problem.startswith(f"{source}.json: ")
