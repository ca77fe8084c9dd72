"""Every shape of label file is read, in little files of our own; a wrong shape names its place."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vqathinker.datasets.card import LabelError, LabelFile
from vqathinker.datasets.readers import read_rows

AUTHORS = {"reader": "annotations", "columns": {"video": "image_id", "mos": "score"}}
DOVER = {"reader": "comma", "columns": {"video": 0, "mos": 3}}
HFR = {"reader": "wide", "columns": {"video": "File Names", "mos": "MOS"}}
MAXWELL = {"reader": "maxwell", "names": "val.txt", "columns": {"video": 0, "mos": "O"}}
OWN = {"reader": "comma", "columns": {"video": 0, "mos": 1}}

MAXWELL_CSV = "O,A-1,A-all,T-1,T-all\n1.5,-0.2,1.7,0.1,2.25\n4.0,0.5,3.5,0.9,3.0\n"
MAXWELL_TXT = "0003.mp4, 2.25, 1.7, 1.5\n0001.mp4, 3.0, 3.5, 4.0\n"

Read = Callable[..., list[tuple[str, str | None]]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """read(label, text, other files) are video and MOS of each row as they are written."""

    def read(how: dict[str, Any], text: str | bytes, **beside: str) -> list[tuple[str, str | None]]:
        path = tmp_path / "labels"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        for name, content in beside.items():
            (tmp_path / f"{name}.txt").write_text(content, encoding="utf-8")
        label = LabelFile.model_validate({"file": "labels", "scale": [0, 100]} | how)
        return [(row.video, row.mos) for row in read_rows(path, label)]

    return read


def annotations(*entries: Any) -> str:
    return json.dumps({"annotations": list(entries)})


def entry(name: str, score: str) -> dict[str, str]:
    return {"image_id": name, "ann_type": "score", "score": score}


def test_the_authors_json_has_scores_as_text(read: Read) -> None:
    text = annotations(entry("b1/7.mp4", "61.5"), entry("b2/7.mp4", "8.466666667"))
    assert read(AUTHORS, text) == [("b1/7.mp4", "61.5"), ("b2/7.mp4", "8.466666667")]


def test_dover_s_lines_are_read_by_position(read: Read) -> None:
    text = "batch/7.mp4, -1, -1, 61.25\nbatch/it's 8.mp4, 8.0, 29.97, 3.5\n"
    assert read(DOVER, text) == [("batch/7.mp4", "61.25"), ("batch/it's 8.mp4", "3.5")]


def test_two_columns_without_a_header_are_enough(read: Read) -> None:
    assert read(OWN, "a.mp4,3.5\r\n\r\nb.mp4,4\r\n\r\n") == [("a.mp4", "3.5"), ("b.mp4", "4")]


def test_a_wide_file_has_a_column_for_each_video(read: Read) -> None:
    text = "File Names,run_24fps,run_30fps\nMOS,43.02,45.67\nstd,12.5,10.6\n"
    assert read(HFR, text) == [("run_24fps", "43.02"), ("run_30fps", "45.67")]


def test_maxwell_s_values_get_the_names_beside_them(read: Read) -> None:
    found = read(MAXWELL, MAXWELL_CSV, val=MAXWELL_TXT)
    assert found == [("0003.mp4", "1.5"), ("0001.mp4", "4.0")]


@pytest.mark.parametrize(
    ("how", "text", "complaint"),
    [
        (AUTHORS, '{"annotations": [', "labels, line 1: no JSON"),
        (AUTHORS, '{"images": []}', "labels: no list 'annotations'"),
        (AUTHORS, "[]", "labels: no list 'annotations'"),
        (AUTHORS, annotations(entry("a", "1"), 3), r"annotation 2: is 3, expected a mapping"),
        (
            AUTHORS,
            annotations({"image_id": "a.mp4"}),
            r"annotation 1: is \{'image_id': 'a.mp4'\}, expected a mapping with image_id and score",
        ),
        (DOVER, "a.mp4, -1, -1, 3\nb.mp4, -1, 3\n", "line 2: 3 values, expected 4 as above"),
        (DOVER, "a.mp4, 3\n", "line 1: no column 3 among 2 values"),
        (
            {"reader": "csv"},
            "mos,video\n3,a,b.mp4\n",
            "line 2: 3 values, but the first line names 2; what holds commas itself stands in",
        ),
        (DOVER, b"a\xff.mp4, -1, -1, 3\n", "line 1: the byte 0xff at offset 1 is no UTF-8"),
        (HFR, "File Names,a,b\nDMOS,1,2\n", "no row MOS, found File Names, DMOS"),
        (HFR, "File Names,a,b\nMOS,1\n", "2 videos but 1 values of MOS"),
        ({"reader": "csv"}, "video,mos,mos\na,3,4\n", "2 columns are called 'mos'"),
        ({"reader": "csv"}, "video,mos\n", "no row.* below the line of names"),
        (AUTHORS, "<!DOCTYPE html><html></html>", "is a web page, not a list of labels"),
    ],
)
def test_a_wrong_shape_is_named_with_its_place(
    read: Read, how: dict[str, Any], text: str | bytes, complaint: str
) -> None:
    with pytest.raises(LabelError, match=complaint):
        read(how, text)


@pytest.mark.parametrize(
    ("text", "names", "complaint"),
    [
        (MAXWELL_CSV, MAXWELL_TXT.splitlines()[0], "2 rows, but val.txt names 1 videos"),
        (
            MAXWELL_CSV,
            "".join(reversed(MAXWELL_TXT.splitlines(keepends=True))),
            r"labels, line 2: T-all is 2.25, but 3.0 in .*val.txt, line 1",
        ),
        (MAXWELL_CSV.replace("1.7", "x"), MAXWELL_TXT, "line 2: A-all is x, but 1.7"),
        (MAXWELL_CSV.replace("T-all", "T"), MAXWELL_TXT, "no column T-all"),
    ],
)
def test_maxwell_s_two_files_must_be_of_one_order(
    read: Read, text: str, names: str, complaint: str
) -> None:
    with pytest.raises(LabelError, match=complaint):
        read(MAXWELL, text, val=names)


def test_maxwell_s_names_must_be_there(read: Read) -> None:
    with pytest.raises(LabelError, match=r"val\.txt: no label file"):
        read(MAXWELL, MAXWELL_CSV)


NAMED, PLACED = {"reader": "csv"}, OWN


@pytest.mark.parametrize(
    ("how", "text"),
    [
        (NAMED, "video;mos\na.mp4;3,5\nb.mp4;4\n"),
        (NAMED, "video\tmos\na.mp4\t3,5\nb.mp4\t4\n"),
        (NAMED, "mos|std|video\n3,5|1|a.mp4\n4|1|b.mp4\n"),
        (NAMED, "\nvideo ;mos;\n\na.mp4; 3,5;\n;;\nb.mp4;4\n"),
        (PLACED, "a.mp4;3,5\nb.mp4;4\n"),
        (PLACED, "a.mp4\t3,5\t\nb.mp4\t4\n"),
    ],
)
def test_whatever_stands_between_columns_is_told(
    read: Read, how: dict[str, Any], text: str
) -> None:
    assert read(how, text) == [("a.mp4", "3,5"), ("b.mp4", "4")]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_every_reader_takes_text_by_its_mark(read: Read, encoding: str) -> None:
    for how, text in ((NAMED, "video,mos\né.mp4,3\n"), (OWN, "é.mp4,3\n"),
                      (AUTHORS, '{"annotations": [{"image_id": "é.mp4", "score": 3}]}'),
                      (HFR, "File Names,é.mp4\nMOS,3\n")):  # fmt: skip
        assert read(how, text.encode(encoding)) == [("é.mp4", "3")]
