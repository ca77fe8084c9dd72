"""A check finds every difference between a set and what receipt, card and manifest say of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from vqathinker.datasets.card import Card
from vqathinker.datasets.fetch import write_receipt
from vqathinker.datasets.fetching.card_files import FetchResult
from vqathinker.datasets.inspection import find_problems
from vqathinker.datasets.manifest import build_manifest, write_manifest

MakeCard = Callable[..., Card]
MakeSource = Callable[..., Path]


@pytest.fixture
def card(make_card: MakeCard) -> Card:
    return make_card(expected=2, never_keep=["*_subjective.csv"])


@pytest.fixture
def source(make_source: MakeSource, tmp_path: Path, card: Card) -> Path:
    """The source of a set that is whole: two videos, receipt and manifest."""
    made = make_source([("1.mp4", 3), ("2.mp4", 4)], ["1.mp4", "2.mp4"])
    source = tmp_path / "data" / "small" / "source"
    source.parent.mkdir(parents=True)
    made.rename(source)
    describe(source, card)
    return source


def describe(source: Path, card: Card) -> None:
    write_receipt(card, source, source.with_suffix(".json"), FetchResult(by_hand=True))
    write_manifest(build_manifest(source, card), source.parent / "manifest.parquet", card)


def problems(source: Path, card: Card, counted: int | None = 2) -> list[str]:
    return find_problems(card, source.parents[1], counted)


def test_a_whole_set_has_no_problem(source: Path, card: Card) -> None:
    assert problems(source, card) == []


def test_a_changed_byte_is_found(source: Path, card: Card) -> None:
    path = source / "videos" / "1.mp4"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    [problem] = problems(source, card)
    assert problem.startswith(f"{path}: its sha256 is ")


def test_a_shorter_or_absent_file_is_found(source: Path, card: Card) -> None:
    short, gone = source / "videos" / "1.mp4", source / "videos" / "2.mp4"
    size = short.stat().st_size
    short.write_bytes(short.read_bytes()[:-7])
    gone.unlink()
    assert problems(source, card) == [
        f"{short}: {size - 7} bytes, the receipt says {size}",
        f"{gone}: gone since it was brought",
    ]


def test_a_set_that_was_never_brought_says_how_to_bring_it(tmp_path: Path, card: Card) -> None:
    found = find_problems(card, tmp_path, None)
    assert len(found) == 3
    assert "bring the set with `vqathinker data fetch small`" in found[0]
    assert "labels.csv: no label file" in found[1]
    assert "write it with `vqathinker data manifest small`" in found[2]


def test_missing_videos_are_named(source: Path, card: Card) -> None:
    (source / "videos" / "2.mp4").unlink()
    describe(source, card)
    [problem] = problems(source, card)
    assert problem.endswith("1 videos are missing: 2.mp4")


def test_damaged_videos_are_named_with_their_reason(source: Path, card: Card) -> None:
    (source / "videos" / "2.mp4").write_bytes(b"")
    describe(source, card)
    [problem] = problems(source, card)
    assert "2.mp4 is " in problem
    assert "empty file" in problem


def test_a_made_set_may_have_damaged_videos(source: Path, make_card: MakeCard) -> None:
    made = make_card(access={"kind": "made", "say": "here"})
    (source / "videos" / "2.mp4").write_bytes(b"")
    describe(source, made)
    assert problems(source, made) == []


def test_counts_of_labels_card_and_params_are_compared(
    source: Path, make_card: MakeCard, card: Card
) -> None:
    assert len(problems(source, make_card(expected=3))) == 2
    [problem] = problems(source, card, counted=9)
    assert "2 rows, data.counts of params.yaml says 9" in problem


def test_private_files_that_were_kept_are_named(source: Path, card: Card) -> None:
    (source / "raters_subjective.csv").write_text("10.0.0.1\n")
    describe(source, card)
    [problem] = problems(source, card)
    assert problem.startswith(f"{source}/raters_subjective.csv: must not be kept")


def test_other_lists_of_labels_are_compared(source: Path, make_card: MakeCard) -> None:
    first = {"file": "labels.csv", "reader": "csv", "scale": [0, 100]}
    other = first | {"file": "other.csv", "agrees": {"within": 0.1}}
    card = make_card(labels=[first, other])
    (source / "other.csv").write_text("video,mos\n1.mp4,3.05\n2.mp4,7\n")
    describe(source, card)
    [problem] = problems(source, card)
    assert "1 labels differ from labels.csv: 2.mp4 (4 and 1 × 7)" in problem
