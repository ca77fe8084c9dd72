"""Labels: read in order, and refused with file and line when they cannot be right."""

from collections.abc import Callable
from pathlib import Path

import pytest

from vqathinker.datasets.card import Card
from vqathinker.datasets.labels import LabelError, read_labels

HEADER = "video,mos\n"


@pytest.fixture
def card(make_card: Callable[..., Card]) -> Card:
    return make_card()


def source_with(folder: Path, text: str) -> Path:
    (folder / "labels.csv").write_text(text, encoding="utf-8")
    return folder


def test_labels_come_in_the_file_s_order(tmp_path: Path, card: Card) -> None:
    text = HEADER + "b/2.mp4,3.5\na/2.mp4,100\n b/1.mp4 , 0\n"
    labels = read_labels(source_with(tmp_path, text), card)
    assert labels["video"].tolist() == ["b/2.mp4", "a/2.mp4", "b/1.mp4"]
    assert labels["mos"].tolist() == [3.5, 100.0, 0.0]


def test_other_columns_are_left_alone(tmp_path: Path, card: Card) -> None:
    text = 'mos,std,video\n4.25,0.3,"a, b.mp4"\n'
    labels = read_labels(source_with(tmp_path, text), card)
    assert labels.to_dict("records") == [{"video": "a, b.mp4", "mos": 4.25}]


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path, card: Card) -> None:
    labels = read_labels(source_with(tmp_path, "\ufeff" + HEADER + "a.mp4,4\n"), card)
    assert labels["video"].tolist() == ["a.mp4"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column video and mos, found an empty file"),
        (HEADER, "no rows below the header"),
        ("name,mos\na.mp4,3\n", "no column video, found name, mos"),
        (
            HEADER + "a.mp4,3\nb.mp4,good\n",
            "line 3: mos is 'good', expected a number from 0 to 100",
        ),
        (HEADER + "a.mp4,nan\n", "line 2: mos is 'nan', expected a number"),
        (HEADER + "a.mp4,inf\n", "line 2: mos is 'inf', expected a number"),
        (HEADER + "a.mp4,\n", "line 2: mos is '', expected a number"),
        (HEADER + "a.mp4\n", "line 2: mos is None, expected a number"),
        (HEADER + "a.mp4,100.5\n", "line 2: mos is '100.5', expected a number from 0 to 100"),
        (HEADER + "a.mp4,3\nb.mp4,4\na.mp4,3\n", "line 4: video 'a.mp4' has a label already"),
        (HEADER + ",3\n", "line 2: video is '', expected a path below videos/"),
        (HEADER + "../a.mp4,3\n", "line 2: video is '../a.mp4', expected a path below videos/"),
        (HEADER + "/a.mp4,3\n", "line 2: video is '/a.mp4', expected a path below videos/"),
    ],
)
def test_a_wrong_file_is_named_with_its_line(
    tmp_path: Path, card: Card, text: str, message: str
) -> None:
    with pytest.raises(LabelError) as caught:
        read_labels(source_with(tmp_path, text), card)
    assert str(tmp_path / "labels.csv") in str(caught.value)
    assert message in str(caught.value)


def test_no_label_file_says_how_to_get_one(tmp_path: Path, card: Card) -> None:
    with pytest.raises(LabelError, match=r"labels\.csv: no label file; .*vqathinker fetch small"):
        read_labels(tmp_path, card)
