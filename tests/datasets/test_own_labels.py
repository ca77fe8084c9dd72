"""A set of one's own, whatever its label file looks like: from `new` to a manifest that is whole.

The bytes are those of files that people have: exported by spreadsheets, listed by `find`, written
on other systems.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from vqathinker.datasets.card import CardError, LabelError, load_card
from vqathinker.datasets.card_template import write_card
from vqathinker.datasets.labels import read_label_file
from vqathinker.datasets.manifest import build_manifest

ROLE, SCALE = "in-domain", (1.0, 5.0)
AS_BEFORE = [("a.mp4", 3.1), ("b.mp4", 2.0)]
FILES = {
    "semicolons and decimal commas": (
        b"video;mos\na.mp4;3,1\nb.mp4;2,5\n", ["a.mp4", "b.mp4"], [("a.mp4", 3.1), ("b.mp4", 2.5)]
    ),
    "tabs": (b"video\tmos\na.mp4\t3.1\nb.mp4\t2\n", ["a.mp4", "b.mp4"], AS_BEFORE),
    "blanks around cells": (
        b"video, mos\n a.mp4 , 3.1\nb.mp4 ,2\n", ["a.mp4", "b.mp4"], AS_BEFORE
    ),
    "an empty first line": (b"\nvideo,mos\na.mp4,3.1\nb.mp4,2\n", ["a.mp4", "b.mp4"], AS_BEFORE),
    "UTF-16": ("video,mos\na.mp4,3.1\nb.mp4,2\n".encode("utf-16"), ["a.mp4", "b.mp4"], AS_BEFORE),
    "a mark of UTF-8": (
        b"\xef\xbb\xbfvideo,mos\r\na.mp4,3.1\r\nb.mp4,2\r\n", ["a.mp4", "b.mp4"], AS_BEFORE
    ),
    "a header of a spreadsheet": (
        b"video_name,c1,c2,c_total,MOS,SD\na.mp4,1,2,3,3.1,0.5\nb.mp4,1,2,3,2,0.5\n",
        ["a.mp4", "b.mp4"], AS_BEFORE,
    ),
    "another column before the MOS": (
        b"vid,resolution,mos\na.mp4,1080,3.1\nb.mp4,540,2\n", ["a.mp4", "b.mp4"], AS_BEFORE
    ),
    "a spread that fits the scale": (
        b"video,std,MOS\na.mp4,1.1,3.1\nb.mp4,1.2,2\n", ["a.mp4", "b.mp4"], AS_BEFORE
    ),
    "a sheet of a spreadsheet, as CSV": (
        '\ufeff"file name";"MOS (1-5)";"SD"\r\n"a.mp4";"3,1";"0,5"\r\n"b.mp4";"2";"1";;\r\n;;\r\n'
        .encode(), ["a.mp4", "b.mp4"], AS_BEFORE,
    ),
    "names with commas, in quotation marks": (
        b'video,Mean Opinion Score\n"a, 1.mp4",3.1\nb.mp4,2\n', ["a, 1.mp4", "b.mp4"],
        [("a, 1.mp4", 3.1), ("b.mp4", 2.0)],
    ),
    "lines of old Macs": (b"video,mos\ra.mp4,3.1\rb.mp4,2\r", ["a.mp4", "b.mp4"], AS_BEFORE),
    "comments above": (
        b"# exported in 2024\nvideo,mos\na.mp4,3.1\nb.mp4,2\n", ["a.mp4", "b.mp4"], AS_BEFORE
    ),
    "text with blanks between columns": (
        b"a.mp4   3.1\nb.mp4 2\n", ["a.mp4", "b.mp4"], AS_BEFORE
    ),
    "no line of names": (b"a.mp4;3,1\nb.mp4;2\n", ["a.mp4", "b.mp4"], AS_BEFORE),
    "paths as find prints them": (
        b"video,mos\n./a.mp4,3.1\n./b1/b.mp4,2\n", ["a.mp4", "b1/b.mp4"],
        [("a.mp4", 3.1), ("b1/b.mp4", 2.0)],
    ),
    "paths of Windows": (
        b"video,mos\nsub\\a.mp4,3.1\nb.mp4,2\n", ["sub/a.mp4", "b.mp4"],
        [("sub/a.mp4", 3.1), ("b.mp4", 2.0)],
    ),
    "absolute paths": (
        b"video,mos\n/data/set/a.mp4,3.1\n/data/set/b.mp4,2\n", ["a.mp4", "b.mp4"], AS_BEFORE
    ),
    "absolute paths of Windows": (
        b"video;mos\nD:\\my set\\b1\\a.mp4;3,1\nD:\\my set\\b.mp4;2\n", ["b1/a.mp4", "b.mp4"],
        [("b1/a.mp4", 3.1), ("b.mp4", 2.0)],
    ),
    "addresses": (
        b"url,mos\nhttps://example.org/v/a.mp4,3.1\nhttps://example.org/v/b.mp4,2\n",
        ["a.mp4", "b.mp4"], AS_BEFORE,
    ),
    "an accent in its other form": (
        "video,mos\né.mp4,3.1\nb.mp4,2\n".encode(), ["e\u0301.mp4", "b.mp4"],
        [("é.mp4", 3.1), ("b.mp4", 2.0)],
    ),
    "names without ending": (
        b"flickr_id,mos\n0012345,3.1\n7654321,2\n", ["0012345.mp4", "7654321.mp4"],
        [("0012345", 3.1), ("7654321", 2.0)],
    ),
    "what names begin with": (
        b"flickr_id,mos\n12345678901,3.1\n3,2\n", ["12345678901_540p.mp4", "3_540p.mp4"],
        [("12345678901", 3.1), ("3", 2.0)],
    ),
    "upper case": (
        b"video,mos\nA.MP4,3.1\nb.mp4,2\n", ["a.mp4", "b.MP4"], [("A.MP4", 3.1), ("b.mp4", 2.0)]
    ),
}  # fmt: skip


@pytest.mark.parametrize(("content", "videos", "found"), FILES.values(), ids=FILES)
def test_the_card_that_is_written_reads_the_file_it_came_from(
    make_source: Callable[..., Path],
    tmp_path: Path,
    content: bytes,
    videos: list[str],
    found: list[tuple[str, float]],
) -> None:
    source = make_source([], videos)
    labels = source / "labels.csv"
    labels.write_bytes(content)
    said: list[str] = []
    _, rows = write_card("mine", tmp_path / "cards", labels, ROLE, SCALE,
                         videos=source / "videos", say=said.append)  # fmt: skip
    card = load_card("mine", tmp_path / "cards")
    assert rows == card.expected == 2
    manifest = build_manifest(source, card)
    assert list(zip(manifest["video"], manifest["mos"], strict=True)) == found
    assert manifest["status"].tolist() == ["ok", "ok"]
    assert manifest["file"].tolist() == [f"videos/{name}" for name in videos]
    assert said[0].startswith(f"{labels}: 2 rows, ")


REFUSED = {
    "a number with an underscore": (b"video,mos\na.mp4,3_5\n", "line 2: mos is '3_5', expected a"),
    "marks of thousands": (
        b"video;mos\na.mp4;1.234,5\nb.mp4;2,5\n",
        "line 2: mos is '1.234,5', expected a number from 1 to 5, without marks of thousands",
    ),
    "Western European": (
        "video,mos\nété.mp4,3.1\n".encode("latin-1"),
        "line 2: the byte 0xe9 at offset 10 is no UTF-8. .*iconv -f latin1 -t utf-8 ",
    ),
    "a workbook": (
        b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml", "is a workbook of Excel.*save it as CSV"
    ),
    "a line of names alone": (b"video,mos\n", "no row below the line of names"),
    "nothing that is called MOS": (b"video,std\na.mp4,3\n", r"--mos COLUMN says which"),
    "another scale": (b"video,mos\na.mp4,73\n", "mos is '73', .* from 1 to 5; --scale LOW HIGH"),
    "a decimal comma between commas": (b'video,mos\na.mp4,"3,1"\n', "to 5, with a point, for"),
    "one video twice": (b"video,mos\na.mp4,3\n./a.mp4,4\n", "line 3: video 'a.mp4' has a label"),
    "no MOS for a video": (b"video,mos\na.mp4,\n", "line 2: mos is '', expected a number from 1"),
    "a MOS that is none": (b"video,mos\na.mp4,3\nb.mp4,NaN\n", "line 3: mos is 'NaN', expected"),
    "a title above": (
        b"Our study,\nvideo,mos\na.mp4,3\nb.mp4,2\n", "line 1: is 'Our study' alone, expected a row"
    ),
    "a row that is too long": (b"video,mos\na, 1.mp4,3\n", "line 2: 3 values, but the first line"),
    "nothing": (b"", "no rows, expected one for each video"),
    "a list in JSON": (b'[{"video": "a.mp4", "mos": 3}]', "is JSON, not a table: write it as CSV"),
    "a web page": (b"<!DOCTYPE html><html></html>", "is a web page, not a list of labels"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "complaint"), REFUSED.values(), ids=REFUSED)
def test_what_no_card_could_read_is_refused_and_no_card_is_written(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_bytes(content)
    for kind in (CardError, LabelError):
        with pytest.raises(kind, match=rf"labels\.csv.*{complaint}"):
            write_card("mine", tmp_path / "cards", labels, ROLE, SCALE)
    assert not (tmp_path / "cards").exists()


def test_absolute_paths_name_the_folder_that_is_left_out(tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_bytes(b"video,mos\n/data/it's a set/a.mp4,3.1\n/data/it's a set/b/b.mp4,2\n")
    card, _ = write_card("other", tmp_path / "cards", None, ROLE, SCALE)
    plain = load_card("other", tmp_path / "cards").label
    with pytest.raises(LabelError) as caught:
        read_label_file(labels, plain)
    message = str(caught.value)
    assert 'line 2: video is "/data/it\'s a set/a.mp4", expected a path such as' in message
    assert "all rows lie in /data/it's a set/, which the card leaves out with a line" in message
    text = card.read_text().replace("    scale:", f"    {message.rpartition('`: ')[2]}\n    scale:")
    rename = yaml.safe_load(text)["labels"][0]["rename"]
    fixed = plain.model_validate(plain.model_dump() | {"rename": rename})
    assert read_label_file(labels, fixed)["video"].tolist() == ["a.mp4", "b/b.mp4"]


def test_absolute_paths_that_share_nothing_say_so(tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_bytes(b"video,mos\n/a/1.mp4,3\nb/2.mp4,4\n")
    with pytest.raises(LabelError, match="the rows share no folder that could be left out"):
        write_card("mine", tmp_path / "cards", labels, ROLE, SCALE)


def test_what_differs_for_several_videos_is_said_and_left_to_the_user(
    make_source: Callable[..., Path], tmp_path: Path
) -> None:
    source = make_source([("3", 3), ("4", 4)], ["3_540p.mp4", "3_720p.mp4", "4_540p.mp4"])
    said: list[str] = []
    write_card("mine", tmp_path, source / "labels.csv", ROLE, SCALE,
               videos=source / "videos", say=said.append)  # fmt: skip
    assert load_card("mine", tmp_path).match is None
    words = "but 1 could then be several videos; when one of each is left, put `match: begins`"
    assert words in said[1]


def test_videos_of_quite_other_names_are_shown_beside_the_labels(
    make_source: Callable[..., Path], tmp_path: Path
) -> None:
    source = make_source([("x.mp4", 3)], ["a.mp4"])
    said: list[str] = []
    write_card("mine", tmp_path, source / "labels.csv", ROLE, SCALE,
               videos=source / "videos", say=said.append)  # fmt: skip
    assert said[1].endswith("labels look like 'x.mp4', videos like 'a.mp4'")


@pytest.mark.parametrize("name", ["2024", "yes", "null", "1e5"])
def test_a_name_that_yaml_takes_for_something_else_is_a_name(tmp_path: Path, name: str) -> None:
    write_card(name, tmp_path, None, ROLE, SCALE)
    assert load_card(name, tmp_path).title == name


def test_rounded_ids_are_named_beside_what_takes_the_others(
    make_source: Callable[..., Path], tmp_path: Path
) -> None:
    videos = ["12345678901.mp4", "7654321.mp4"]
    source = make_source([("1.23457E+10", 3), ("7654321", 2)], videos)
    said: list[str] = []
    write_card("mine", tmp_path, source / "labels.csv", ROLE, SCALE,
               videos=source / "videos", say=said.append)  # fmt: skip
    assert said[1].endswith("the card says `match: any-ending`, which takes them so")
    assert "1 of 2 labels are numbers that a spreadsheet has rounded, '1.23457E+10'" in said[2]
