"""A card of one's own: written with its comments, it is a card, and a CSV and videos are enough."""

from collections.abc import Callable
from pathlib import Path

import pytest

from vqathinker.datasets.card import Card, CardError, load_card
from vqathinker.datasets.card_template import write_card
from vqathinker.datasets.manifest import build_manifest

ROLE, SCALE = "out-of-distribution", (1.0, 5.0)


def test_it_is_a_card_and_every_line_of_choice_has_a_comment(tmp_path: Path) -> None:
    path, rows = write_card("mine", tmp_path / "cards", None, "in-domain", (0.0, 10.0))
    card = load_card("mine", tmp_path / "cards")
    assert (card.role, card.expected, card.label.scale) == ("in-domain", None, (0, 10))
    assert (card.access.kind, card.label.file, rows) == ("local", "labels.csv", None)
    assert path.read_text(encoding="utf-8").count("#") > 12


@pytest.mark.parametrize(
    ("text", "reader", "columns", "rows"),
    [
        ("video,mos\na.mp4,3\nb.mp4,4\n", "csv", ("video", "mos"), 2),
        ("mos,std,video\n3,1,a.mp4\n", "csv", ("video", "mos"), 1),
        ("clip: name,Score\na.mp4,3\n", "csv", ("clip: name", "Score"), 1),
        ("a.mp4, 3.5\nb.mp4, 4\nc.mp4, 1\n", "comma", (0, 1), 3),
    ],
)
def test_columns_and_rows_are_read_from_the_labels(
    tmp_path: Path, text: str, reader: str, columns: tuple[str | int, str | int], rows: int
) -> None:
    labels = tmp_path / "given.csv"
    labels.write_text(text, encoding="utf-8")
    _, counted = write_card("mine", tmp_path, labels, ROLE, SCALE)
    card = load_card("mine", tmp_path)
    assert card.expected == counted == rows
    assert card.label.reader == reader
    assert (card.label.columns.video, card.label.columns.mos) == columns


def test_two_columns_and_a_folder_make_a_manifest(
    tmp_path: Path, make_source: Callable[..., Path]
) -> None:
    source = make_source([], ["a/1.mp4", "2.mp4"])
    (source / "labels.csv").write_text("1.mp4,3.5\n2.mp4,2\n")
    write_card("mine", tmp_path, source / "labels.csv", "train", SCALE)
    manifest = build_manifest(source, load_card("mine", tmp_path))
    assert manifest["file"].tolist() == ["videos/a/1.mp4", "videos/2.mp4"]
    assert set(manifest["status"]) == {"ok"}


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("vdpve", "a.mp4,3\n", "'vdpve' has a card already"),
        ("Mine", "a.mp4,3\n", "no card for 'Mine'"),
        ("mine", "a.mp4\n", r"given\.csv: has \[\['a.mp4'\]\], expected two columns"),
        ("mine", "", r"given\.csv: no rows, expected one for each video"),
    ],
)
def test_what_cannot_become_a_card_is_refused_and_nothing_is_written(
    tmp_path: Path, name: str, text: str, complaint: str
) -> None:
    labels = tmp_path / "given.csv"
    labels.write_text(text)
    with pytest.raises(CardError, match=complaint):
        write_card(name, tmp_path / "cards", labels, ROLE, SCALE)
    assert not (tmp_path / "cards").exists()


def test_a_card_is_never_written_over(tmp_path: Path) -> None:
    path, _ = write_card("mine", tmp_path, None, ROLE, SCALE)
    path.write_text("name: mine  # years of work\n")
    with pytest.raises(CardError, match="edit that card"):
        write_card("mine", tmp_path, None, ROLE, SCALE)
    assert "years of work" in path.read_text()


def test_the_written_card_takes_any_scale(tmp_path: Path) -> None:
    write_card("mine", tmp_path, None, ROLE, (-1.5, 100.0))
    card: Card = load_card("mine", tmp_path)
    assert card.label.scale == (-1.5, 100)
