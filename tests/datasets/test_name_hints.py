"""Where labels find no videos, one line says how their names differ and what takes them so."""

from collections.abc import Callable
from pathlib import Path

import pytest

from vqathinker.datasets.card import Card, load_card
from vqathinker.datasets.matching import match_videos
from vqathinker.datasets.name_hints import describe_names, names_of_set, suggest_match

MANY = [f"{number:07}.mp4" for number in range(40)]


@pytest.mark.parametrize(
    ("ids", "files", "match", "said"),
    [
        (["0012345", "7654321"], ["0012345.mp4", "7654321.mp4"], "any-ending",
         "2 of 2 labels are the name of a video without its ending"),
        (["a.avi"], ["b/a.mp4"], "any-ending",
         "1 of 1 labels are the name of a video but for its ending"),
        (["12345678901", "3"], ["12345678901_540p.mp4", "3_540p.mp4"], "begins",
         "2 of 2 labels are what the name of a video begins with"),
        (["A.MP4", "b.mp4"], ["a.mp4", "b.MP4"], "any-case",
         "2 of 2 labels are the name of a video but for upper and lower case"),
        (["a.mp4", "B.mp4"], ["a.mp4", "b.mp4"], "any-case",
         "1 of 2 labels are the name of a video but for upper and lower case"),
        (["videos/1.mp4", "videos/2.mp4"], ["1.mp4", "2.mp4"], "any-folder",
         "2 of 2 labels are the name of a video but for its folder"),
        (["12345", "77"], ["0012345.mp4", "0000077.mp4"], "any-ending any-zeros",
         "2 of 2 labels are the name of a video but for its ending and leading zeros"),
        (["my clip.mp4"], ["my_clip.mp4"], "any-blank",
         "1 of 1 labels are the name of a video but for blanks, _ and -"),
        (["A", "B"], ["a.mp4", "b.mp4"], "any-ending any-case",
         "2 of 2 labels are the name of a video but for upper and lower case and its ending"),
    ],
)  # fmt: skip
def test_the_words_that_take_most_labels_are_proposed(
    ids: list[str], files: list[str], match: str, said: str
) -> None:
    suggestion = suggest_match(ids, files)
    assert suggestion is not None
    assert sorted(suggestion.match.split()) == sorted(match.split())
    assert str(suggestion) == said
    assert suggestion.unsure == 0
    assert set(match_videos(ids, files, suggestion.match)) == set(ids)


@pytest.mark.parametrize(
    ("ids", "files"),
    [
        (["a.mp4"], ["a.mp4"]),
        (["a.mp4"], []),
        (["a.mp4"], ["b.mp4"]),
        (["a.mp4", "b.mp4"], ["a.mp4"]),  # withdrawn, not renamed
        (MANY, MANY[:30]),
        (["3"], ["31_540p.mp4"]),
        (["3"], ["3_540p.mp4", "3_720p.mp4"]),  # which of them, nobody knows
    ],
)
def test_nothing_is_proposed_that_takes_no_more(ids: list[str], files: list[str]) -> None:
    assert suggest_match(ids, files) is None


def test_labels_that_could_then_be_several_videos_are_counted() -> None:
    suggestion = suggest_match(["3", "4"], ["3_540p.mp4", "3_720p.mp4", "4_540p.mp4"])
    assert suggestion is not None
    assert (suggestion.match, suggestion.found, suggestion.unsure) == ("begins", 1, 1)


def test_words_of_the_card_stay() -> None:
    suggestion = suggest_match(["A", "b"], ["a.mp4", "b.mp4"], "any-ending")
    assert suggestion is not None
    assert suggestion.match == "any-ending any-case"
    assert str(suggestion).startswith("1 of 2 labels are the name of a video but for upper and")


def test_where_no_label_finds_a_video_both_are_shown() -> None:
    said = describe_names(["x1", "x2", "x3", "x4"], ["a.mp4", "b.mp4"], None, own_card=True)
    assert said == (
        "no label is the name of a video: labels look like 'x1', 'x2', 'x3' and 1 more, videos "
        "like 'a.mp4', 'b.mp4'"
    )


def test_names_and_what_takes_them_stand_side_by_side() -> None:
    said = describe_names(["0012345"], ["0012345.mp4"], None, own_card=True)
    assert said == (
        "no label is the name of a video: labels look like '0012345', videos like '0012345.mp4'. "
        "1 of 1 labels are the name of a video without its ending; `match: any-ending` in the card "
        "takes them so"
    )


@pytest.mark.parametrize(
    ("ids", "files"), [([], ["a.mp4"]), (["a.mp4"], []), (["a.mp4"], ["x/a.mp4"]),
                       (["a.mp4", "b.mp4"], ["a.mp4"])],
)  # fmt: skip
def test_nothing_is_said_where_nothing_differs(ids: list[str], files: list[str]) -> None:
    assert describe_names(ids, files, None, own_card=True) is None


@pytest.mark.parametrize("match", [None, "any-ending"])
def test_ids_that_a_spreadsheet_has_rounded_are_called_so(match: str | None) -> None:
    ids, files = ["1.23457E+10", "7654321", "2,4E+9"], ["12345678901.mp4", "7654321.mp4"]
    said = describe_names(ids, files, match, own_card=True)
    assert said is not None
    assert (
        "2 of 3 labels are numbers that a spreadsheet has rounded, '1.23457E+10', '2,4E+9': export "
        "them again, with their column as text"
    ) in said


def test_a_video_that_is_really_called_like_a_rounded_number_is_found() -> None:
    assert describe_names(["1E+10"], ["1E+10.mp4"], "any-ending", own_card=True) is None


def test_a_pattern_of_the_card_is_left_alone() -> None:
    said = describe_names(["12.mp4"], ["clip_12.mp4"], r"(\d+)\.mp4", own_card=True)
    assert said is not None
    assert "`match:" not in said


def test_a_built_in_card_is_not_to_be_changed(tmp_path: Path) -> None:
    card = load_card("vdpve")
    assert names_of_set(card, tmp_path) is None  # before there are labels
    said = describe_names(["A1"], ["A1.mp4"], card.match, own_card=False)
    assert said is not None
    assert "in the card" not in said


def test_a_set_is_looked_at_as_its_card_says(
    make_source: Callable[..., Path], make_card: Callable[..., Card]
) -> None:
    source = make_source([("1", 3), ("2", 4)], ["1.mp4", "2.mp4"])
    said = names_of_set(make_card(), source)
    assert said is not None
    assert said.endswith("`match: any-ending` in the card takes them so")
    assert names_of_set(make_card(match="any-ending"), source) is None
