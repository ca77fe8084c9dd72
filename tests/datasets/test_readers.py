"""All formats of label files; invalid ones are reported with their location."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqathinker.datasets.card import LabelError, LabelFile
from vqathinker.datasets.labels import read_label_file
from vqathinker.datasets.readers import read_table

AUTHORS = {"reader": "annotations", "columns": {"video": "image_id", "mos": "score"}}
DOVER = {"reader": "comma", "columns": {"video": 0, "mos": 3}}
HFR = {"reader": "wide", "columns": {"video": "File Names", "mos": "MOS"}}
MAXWELL = {"reader": "maxwell", "names": "val.txt", "columns": {"video": 0, "mos": "O"}}
NAMED, PLACED = {"reader": "csv"}, {"reader": "comma", "columns": {"video": 0, "mos": 1}}

MAXWELL_CSV = "O,A-1,A-all,T-1,T-all\n1.5,-0.2,1.7,0.1,2.25\n4.0,0.5,3.5,0.9,3.0\n"
MAXWELL_TXT = "0003.mp4, 2.25, 1.7, 1.5\n0001.mp4, 3.0, 3.5, 4.0\n"

Read = Callable[..., dict[str, float]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """read(label, text, other files) returns the MOS by video."""

    def read(label: dict[str, Any], text: str | bytes, **others: str) -> dict[str, float]:
        path = tmp_path / "labels"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        for name, content in others.items():
            (tmp_path / f"{name}.txt").write_text(content, encoding="utf-8")
        label = LabelFile.model_validate({"file": "labels", "scale": [0, 100]} | label)
        return dict(read_label_file(path, label).itertuples(index=False, name=None))

    return read


def annotations(*entries: Any) -> str:
    return json.dumps({"annotations": list(entries)})


def entry(name: str, score: str) -> dict[str, str]:
    return {"image_id": name, "ann_type": "score", "score": score}


@pytest.mark.parametrize(
    ("label", "text", "labels"),
    [
        (AUTHORS, annotations(entry("b1/7.mp4", "61.5"), entry("b2/7.mp4", "8.466666667")),
         {"b1/7.mp4": 61.5, "b2/7.mp4": 8.466666667}),
        (DOVER, "batch/7.mp4, -1, -1, 61.25\nbatch/it's 8.mp4, 8.0, 29.97, 3.5\n",
         {"batch/7.mp4": 61.25, "batch/it's 8.mp4": 3.5}),
        (PLACED, "a.mp4,3.5\r\n\r\nb.mp4,4\r\n\r\n", {"a.mp4": 3.5, "b.mp4": 4}),
        (HFR, "File Names,run_24fps,run_30fps\nMOS,43.02,45.67\nstd,12.5,10.6\n",
         {"run_24fps": 43.02, "run_30fps": 45.67}),
        (NAMED, "mos,std,video\n3.5,1,a.mp4\n4,1,b.mp4\n", {"a.mp4": 3.5, "b.mp4": 4}),
        (NAMED, "video;mos\na.mp4;3,5\nb.mp4;4\n", {"a.mp4": 3.5, "b.mp4": 4}),
        (NAMED, "video\tmos\na, 1.mp4\t3,5\nb.mp4\t4\n", {"a, 1.mp4": 3.5, "b.mp4": 4}),
        (NAMED, "\nvideo , mos\n\n a.mp4 , 3.5 \n,\nb.mp4,4\n", {"a.mp4": 3.5, "b.mp4": 4}),
        (NAMED, 'video,mos\n"a, b.mp4" ,3\nc d.mp4,1e-1\n', {"a, b.mp4": 3, "c d.mp4": 0.1}),
        (PLACED, "a.mp4;3,5\nNA;4\n", {"a.mp4": 3.5, "NA": 4}),
    ],
)  # fmt: skip
def test_formats(read: Read, label: dict[str, Any], text: str, labels: dict[str, float]) -> None:
    assert read(label, text) == labels


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings(read: Read, encoding: str) -> None:
    for label, text in ((NAMED, "video,mos\né.mp4,3\n"), (PLACED, "é.mp4,3\n"),
                      (AUTHORS, '{"annotations": [{"image_id": "é.mp4", "score": 3}]}'),
                      (HFR, "File Names,é.mp4\nMOS,3\n")):  # fmt: skip
        assert read(label, text.encode(encoding)) == {"é.mp4": 3}


def test_maxwell_combines_values_and_names(read: Read) -> None:
    assert read(MAXWELL, MAXWELL_CSV, val=MAXWELL_TXT) == {"0003.mp4": 1.5, "0001.mp4": 4.0}


@pytest.mark.parametrize(
    ("label", "text", "complaint"),
    [
        (AUTHORS, '{"annotations": [', "labels: .* line 1"),
        (AUTHORS, '{"images": []}', "labels: .*annotations"),
        (AUTHORS, "[]", "labels: .*annotations"),
        (AUTHORS, annotations(entry("a", "1"), 3), "annotation 2: is 3"),
        (AUTHORS, annotations({"image_id": "a.mp4"}), "annotation 1: .*score"),
        (DOVER, "a.mp4, -1, -1, 3\nb.mp4, -1, -1, 3, 5\n", "line 2, saw 5"),
        (DOVER, "a.mp4, -1, -1, 3\nb.mp4, -1, 3\n", "line 2: mos is ''"),
        (DOVER, "a.mp4, 3\n", "no column 3"),
        (NAMED, "mos,video\n3,a,b.mp4\n", "line 2, saw 3"),
        (NAMED, "video,mos,mos\na,3,4\n", "2 columns.*'mos'"),
        (NAMED, "name,mos\na,3\n", "'video'.*name, mos"),
        (NAMED, "video,mos\n", "labels: no rows"),
        (NAMED, "", "labels: is an empty file"),
        (NAMED, 'video,mos\n"a,3\nb,4\n', "labels: "),
        (NAMED, "video;mos\na;1.234,5\n", "line 2: mos is '1.234,5'"),
        (PLACED, b"a\xff.mp4, 3\n", "labels: .*offset 1"),
        (HFR, "File Names,a,b\nDMOS,1,2\n", "'MOS'.*File Names, DMOS"),
        (HFR, "File Names,a,b\nMOS,1\n", "column 3: mos is ''"),
        (AUTHORS, "<!DOCTYPE html><html></html>", "is a web page"),
        (NAMED, b"PK\x03\x04" + b"\0" * 26 + b"[Content_Types].xml", "is an Excel workbook"),
    ],
)
def test_invalid_file_is_reported_with_location(
    read: Read, label: dict[str, Any], text: str | bytes, complaint: str
) -> None:
    with pytest.raises(LabelError, match=complaint):
        read(label, text)


@pytest.mark.parametrize(
    ("text", "names", "complaint"),
    [
        (MAXWELL_CSV, MAXWELL_TXT.splitlines()[0], "2 rows.*val.txt.* 1 "),
        (
            MAXWELL_CSV,
            "".join(reversed(MAXWELL_TXT.splitlines(keepends=True))),
            r"labels, line 2: T-all is 2.25.*val\.txt",
        ),
        (MAXWELL_CSV.replace("1.7", "x"), MAXWELL_TXT, "line 2: A-all is x"),
        (MAXWELL_CSV.replace("T-all", "T"), MAXWELL_TXT, "'T-all'"),
    ],
)
def test_maxwell_files_must_have_same_order(
    read: Read, text: str, names: str, complaint: str
) -> None:
    with pytest.raises(LabelError, match=complaint):
        read(MAXWELL, text, val=names)


def test_missing_file_is_named(read: Read) -> None:
    with pytest.raises(LabelError, match=r"val\.txt: no such file"):
        read(MAXWELL, MAXWELL_CSV)


NAMES = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=12)


@given(
    names=st.lists(NAMES, min_size=1, max_size=8, unique=True),
    numbers=st.data(),
    separator=st.sampled_from([",", ";", "\t"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_table_roundtrip(
    tmp_path_factory: pytest.TempPathFactory,
    names: list[str],
    numbers: st.DataObject,
    separator: str,
    encoding: str,
) -> None:
    """Quoted cells are preserved, and numbers keep all digits."""
    values = numbers.draw(st.lists(st.floats(1, 5), min_size=len(names), max_size=len(names)))
    file = tmp_path_factory.getbasetemp() / "any.csv"
    quoted = ['"' + name.replace('"', '""') + '"' for name in names]
    rows = [f"{name}{separator}{value}" for name, value in zip(quoted, values, strict=True)]
    file.write_bytes("\n".join([f"video{separator}mos", *rows]).encode(encoding))
    table = read_table(file)
    assert table.index.tolist() == list(range(1, len(names) + 2))
    assert table[0].tolist()[1:] == names
    assert [float(value) for value in table[1].tolist()[1:]] == values
