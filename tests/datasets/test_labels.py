"""Labels are read in order; invalid ones are reported with file and line."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vqathinker.datasets.card import Card, LabelError
from vqathinker.datasets.labels import find_disagreements, read_labels

HEADER = "video,mos\n"
MakeCard = Callable[..., Card]


@pytest.fixture
def card(make_card: MakeCard) -> Card:
    return make_card()


def source_with(folder: Path, text: str, name: str = "labels.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_labels_keep_file_order(tmp_path: Path, card: Card) -> None:
    text = HEADER + "b/2.mp4,3.5\na/2.mp4,100\n b/1.mp4 , 0\n"
    labels = read_labels(source_with(tmp_path, text), card)
    assert labels["video"].tolist() == ["b/2.mp4", "a/2.mp4", "b/1.mp4"]
    assert labels["mos"].tolist() == [3.5, 100.0, 0.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.mp4,3\nb.mp4,good\n", "line 3: mos is 'good', expected a number from 0 to 100"),
        ("a.mp4,nan\n", "line 2: mos is 'nan'"),
        ("a.mp4,3_5\n", "line 2: mos is '3_5'"),
        ("a.mp4,\n", "line 2: mos is ''"),
        ("a.mp4,100.5\n", "line 2: mos is '100.5', expected a number from 0 to 100"),
        ("a.mp4,3\nb.mp4,4\na.mp4,3\n", "line 4: video 'a.mp4'"),
        (",3\n", "line 2: video is ''"),
        ("../a.mp4,3\n", "line 2: video is '../a.mp4'"),
        ("/a.mp4,3\n", "line 2: video is '/a.mp4'"),
        ("https://a.org/a.mp4,3\n", "line 2: video is 'https://a.org/a.mp4'"),
        ("a\x07.mp4,3\n", "line 2: video is 'a\\x07.mp4'"),
        ("\u202e4pm.mp4,3\n", "line 2: video is "),
    ],
)
def test_invalid_row_is_reported_with_line(
    tmp_path: Path, card: Card, text: str, message: str
) -> None:
    with pytest.raises(LabelError) as caught:
        read_labels(source_with(tmp_path, HEADER + text), card)
    assert str(caught.value).startswith(f"{tmp_path / 'labels.csv'}, ")
    assert message in str(caught.value)


def test_missing_label_file_names_fetch_command(tmp_path: Path, card: Card) -> None:
    with pytest.raises(LabelError, match=r"labels\.csv: .*data fetch small"):
        read_labels(tmp_path, card)


def test_rename_converts_names_to_ids(tmp_path: Path, make_card: MakeCard) -> None:
    rename = {"pattern": r"videos/(.+)", "becomes": r"\1.mp4"}
    card = make_card(label={"rename": rename})
    labels = read_labels(source_with(tmp_path, HEADER + "videos/a b,3\n"), card)
    assert labels["video"].tolist() == ["a b.mp4"]
    with pytest.raises(LabelError, match=r"line 2: video is 'b', expected videos/"):
        read_labels(source_with(tmp_path, HEADER + "b,3\n"), card)


def test_label_file_with_wrong_hash_raises(tmp_path: Path, make_card: MakeCard) -> None:
    text = HEADER + "a.mp4,3\n"
    digest = hashlib.sha256(text.encode()).hexdigest()
    file = {"name": "labels.csv", "urls": ["https://example.org/x"], "sha256": digest}
    card = make_card(files=[file])
    assert len(read_labels(source_with(tmp_path, text), card)) == 1
    other = HEADER + "a.mp4,4\n"
    with pytest.raises(LabelError, match=digest) as caught:
        read_labels(source_with(tmp_path, other), card)
    assert hashlib.sha256(other.encode()).hexdigest() in str(caught.value)


class TestOtherLabelFiles:
    def card_with(self, make_card: MakeCard, **agrees: float) -> Card:
        label: dict[str, Any] = {"file": "labels.csv", "reader": "csv", "scale": [0, 100]}
        other = {"file": "other.txt", "reader": "comma", "scale": [0, 5], "agrees": agrees}
        other["columns"] = {"video": 0, "mos": 3}
        return make_card(labels=[label, other])

    def test_list_on_other_scale_may_agree(self, tmp_path: Path, make_card: MakeCard) -> None:
        source_with(tmp_path, HEADER + "a.mp4,60.0004\nb.mp4,20\n")
        source_with(tmp_path, "a.mp4, -1, -1, 3\nb.mp4, -1, -1, 1\nc.mp4, -1, -1, 5\n", "other.txt")
        assert (
            find_disagreements(tmp_path, self.card_with(make_card, times=20, within=0.0005)) == []
        )

    def test_different_and_missing_labels_are_named(
        self, tmp_path: Path, make_card: MakeCard
    ) -> None:
        source_with(tmp_path, HEADER + "a.mp4,60\nb.mp4,20\n")
        assert find_disagreements(tmp_path, self.card_with(make_card, within=0)) == []
        source_with(tmp_path, "a.mp4, -1, -1, 3.1\n", "other.txt")
        found = find_disagreements(tmp_path, self.card_with(make_card, times=20, within=0.0005))
        missing, different = found
        assert missing.startswith(f"{tmp_path}/other.txt: ")
        assert missing.endswith(": b.mp4")
        assert different.endswith(": a.mp4 (60 and 20 × 3.1)")
