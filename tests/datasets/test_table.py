"""Tables are read whatever stands between their columns, and nothing of them is lost."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vqathinker.datasets.card import LabelError
from vqathinker.datasets.table import Table, read_table


@pytest.fixture
def read(tmp_path: Path):
    """read(text) is the table of a file with it."""

    def read(text: str | bytes) -> Table:
        content = text if isinstance(text, bytes) else text.encode()
        (tmp_path / "labels.csv").write_bytes(content)
        return read_table(tmp_path / "labels.csv")

    return read


def cells(table: Table) -> list[list[str]]:
    return [list(row.cells) for row in table.rows]


@pytest.mark.parametrize(
    ("text", "delimiter", "rows"),
    [
        ("video;mos\na.mp4;3,1\nb.mp4;2,5\n", ";", [["a.mp4", "3,1"], ["b.mp4", "2,5"]]),
        ("video\tmos\na.mp4\t3.1\nb.mp4\t2\n", "\t", [["a.mp4", "3.1"], ["b.mp4", "2"]]),
        ("video|mos\na.mp4|3.1\n", "|", [["a.mp4", "3.1"]]),
        ("video, mos\n a.mp4 , 3.1\nb.mp4 ,2\n", ",", [["a.mp4", "3.1"], ["b.mp4", "2"]]),
        ("video mos\na.mp4   3.1\nb.mp4 2\n", " ", [["a.mp4", "3.1"], ["b.mp4", "2"]]),
        ('video,mos\n"a, b.mp4",3\nc d.mp4,4\n', ",", [["a, b.mp4", "3"], ["c d.mp4", "4"]]),
        ("video,mos\ra.mp4,3\rb.mp4,4\r", ",", [["a.mp4", "3"], ["b.mp4", "4"]]),
        ("\n\nvideo,mos\n\na.mp4,3\n,\n\n", ",", [["a.mp4", "3"]]),
        ("sep=;\nvideo;mos\na.mp4;3,1\n", ";", [["a.mp4", "3,1"]]),
        ("video;mos\na.mp4;1.234,5\nb;2,5\n", ";", [["a.mp4", "1.234,5"], ["b", "2,5"]]),
        ("video\u00a0,\u200bmos\ufeff\na.mp4\u3000,3\n", ",", [["a.mp4", "3"]]),
        ('video;std;mos\n"a;b.mp4";0,5;3\n', ";", [["a;b.mp4", "0,5", "3"]]),
        ("video,note\tof raters,mos\na.mp4,x\ty,3\n", ",", [["a.mp4", "x\ty", "3"]]),
    ],
)
def test_what_stands_between_columns_is_told_by_whole_rows(
    read, text: str, delimiter: str, rows: list[list[str]]
) -> None:
    table = read(text)
    assert table.delimiter == delimiter
    assert cells(table)[1:] == rows


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a.mp4;3,1\nb.mp4;2,5\n", [["a.mp4", "3,1"], ["b.mp4", "2,5"]]),
        ("a;x.mp4,3\nb;y.mp4,4\n", [["a;x.mp4", "3"], ["b;y.mp4", "4"]]),
        ("clip 1,3\nclip 2,4\n", [["clip 1", "3"], ["clip 2", "4"]]),
        ("batch/7.mp4, -1, -1, 61.25\n", [["batch/7.mp4", "-1", "-1", "61.25"]]),
    ],
)
def test_without_a_line_of_names_numbers_decide(read, text: str, rows: list[list[str]]) -> None:
    assert cells(read(text)) == rows


@pytest.mark.parametrize(("delimiter", "comma"), [(",", False), (";", True), ("\t", True)])
def test_a_decimal_comma_is_one_where_no_comma_stands_between_columns(
    read, delimiter: str, comma: bool
) -> None:
    table = read(f"video{delimiter}mos\na.mp4{delimiter}3\n")
    assert table.decimal_comma is comma
    assert table.number("3,1") == (3.1 if comma else None)


def test_a_row_knows_its_line_though_lines_are_empty(read) -> None:
    table = read('\nvideo,mos\n\n"a\nb.mp4",3\n\nc.mp4,4\n')
    assert [row.line for row in table.rows] == [2, 5, 7]
    assert table.place(table.rows[2]).endswith("labels.csv, line 7")


def test_a_quotation_mark_that_is_not_closed_swallows_no_rows(read) -> None:
    with pytest.raises(LabelError, match="line 2: a quotation mark is not closed before line 4"):
        read('video,mos\n"a.mp4,3\nb.mp4,4\nc.mp4,5\n')
    with pytest.raises(LabelError, match="line 1: a quotation mark is not closed"):
        read('"video,mos\na.mp4,3\n')
    with pytest.raises(LabelError, match="is a quotation mark not closed"):
        read('"' + "a.mp4,3\n" * 30_000)


@pytest.mark.parametrize(
    ("text", "first"),
    [('"a.mp4" ,3\nb.mp4,4\n', "a.mp4"), ('a "b".mp4,3\nc.mp4,4\n', 'a "b".mp4'),
     ('"a ""b"".mp4",3\n', 'a "b".mp4')],
)  # fmt: skip
def test_quotation_marks_of_other_kinds_are_fine(read, text: str, first: str) -> None:
    assert cells(read(text))[0] == [first, "3"]


@pytest.mark.parametrize(
    "text",
    ['{"annotations": [\n]}', '{"a.mp4": 3}', '[{"video": "a.mp4", "mos": 3}]',
     '\n[ ["a.mp4", 3],\n["b.mp4", 4]]', '{"video": "a", "mos": 3}\n{"video": "b", "mos": 4}\n'],
)  # fmt: skip
def test_json_is_no_table(read, text: str) -> None:
    with pytest.raises(LabelError, match="is JSON, not a table: write it as CSV, a line for each"):
        read(text)


def test_a_name_in_brackets_is_no_json(read) -> None:
    assert cells(read("[a] b.mp4,3\n[c].mp4,4\n")) == [["[a] b.mp4", "3"], ["[c].mp4", "4"]]


@pytest.mark.parametrize(
    ("text", "comments", "rows"),
    [
        ("# of 2024\n# by us, two\n\nvideo,std,mos\na.mp4,1,3\n", 2, [["video", "std", "mos"],
                                                                       ["a.mp4", "1", "3"]]),
        ("# video mos\na.mp4 3.1\nb.mp4 2\n", 1, [["a.mp4", "3.1"], ["b.mp4", "2"]]),
        ("#video,mos\na.mp4,3\n", 0, [["#video", "mos"], ["a.mp4", "3"]]),
        ("#1.mp4,3\n#2.mp4,4\n", 0, [["#1.mp4", "3"], ["#2.mp4", "4"]]),
    ],
)  # fmt: skip
def test_comments_above_a_table_are_counted_and_rows_that_begin_with_a_hash_are_rows(
    read, text: str, comments: int, rows: list[list[str]]
) -> None:
    table = read(text)
    assert (table.comments, cells(table)) == (comments, rows)


def test_a_title_does_not_hide_what_stands_between_columns(read) -> None:
    table = read("Results of our study,,\nvideo,mos,std\na.mp4,3,1\nb.mp4,2,1\n")
    assert table.delimiter == ","
    assert cells(table)[1] == ["video", "mos", "std"]


def test_a_delimiter_that_only_a_spreadsheet_names_has_words_too(read) -> None:
    assert read("sep=:\na.mp4:3\n").between == "':'"


NAMES = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters='"'),
    min_size=1,
    max_size=12,
).map(lambda name: f"v{name}.mp4")


@given(
    names=st.lists(NAMES, min_size=1, max_size=8, unique=True),
    data=st.data(),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    ends=st.sampled_from(["\n", "\r\n"]),
    header=st.booleans(),
    comma=st.booleans(),
)
def test_any_table_comes_back(
    tmp_path_factory: pytest.TempPathFactory,
    names: list[str],
    data: st.DataObject,
    delimiter: str,
    encoding: str,
    ends: str,
    header: bool,
    comma: bool,
) -> None:
    """Written by Python's own writer, which quotes what has to be."""
    assume(header or all("," not in name and ";" not in name and "|" not in name for name in names))
    numbers = data.draw(st.lists(st.floats(1, 5), min_size=len(names), max_size=len(names)))
    written = [f"{number:.3f}" for number in numbers]
    if comma and delimiter != ",":
        written = [number.replace(".", ",") for number in written]
    rows = list(zip(names, ["0.5"] * len(names), written, strict=True))
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=ends)
    writer.writerows([("video", "std", "mos"), *rows] if header else rows)
    file = tmp_path_factory.getbasetemp() / "any.csv"
    file.write_bytes(out.getvalue().encode(encoding))
    table = read_table(file)
    assert table.delimiter == delimiter
    found = table.rows[1:] if header else table.rows
    assert [row.cells[2] for row in found] == written
    for row, name, number in zip(found, names, written, strict=True):
        assert row.cells[0].split() == name.strip("\u200b\u2060\ufeff").split()
        assert table.number(row.cells[2]) == float(number.replace(",", "."))
