"""A column is the MOS when it is called so, and is asked for where none or several are."""

from pathlib import Path

import pytest

from vqathinker.datasets.card import LabelError
from vqathinker.datasets.columns import LabelColumns, find_columns
from vqathinker.datasets.table import Table, read_table


@pytest.fixture
def table(tmp_path: Path):
    """table(text) is the table in a file; a line of names alone gets two rows below it."""

    def table(text: str) -> Table:
        if "\n" not in text:
            more = len(text.split(",")) - 1
            text += "".join(f"\n{name}.mp4" + f",{name}.5" * more for name in (1, 2))
        (tmp_path / "labels.csv").write_text(text, encoding="utf-8")
        return read_table(tmp_path / "labels.csv")

    return table


@pytest.mark.parametrize(
    ("names", "video", "mos"),
    [
        ("video,mos", "video", "mos"),
        ("video_name,c1,c2,c_total,MOS,SD", "video_name", "MOS"),
        ("vid,resolution,mos", "vid", "mos"),
        ("video,std,MOS", "video", "MOS"),
        ("clip: name,Score", "clip: name", "Score"),
        ("file,MOS (ACR)", "file", "MOS (ACR)"),
        ("filename,mos_mean,mos_std", "filename", "mos_mean"),
        ("name,Mean,SD", "name", "Mean"),
        ("stimulus,SD,score,CI95", "stimulus", "score"),
        ("Video Name,Mean Opinion Score,95% CI,N", "Video Name", "Mean Opinion Score"),
        ("videoName,meanScore", "videoName", "meanScore"),
        ("video,n_ratings,rating", "video", "rating"),
        ("video,mos_lab,mos_crowd,mos", "video", "mos"),
        ("video,width,height,fps,quality", "video", "quality"),
        ("video,mean,mos", "video", "mos"),
        ("path,MOS,DMOS,score_std", "path", "MOS"),
    ],
)
def test_columns_are_known_by_their_names(table, names: str, video: str, mos: str) -> None:
    assert find_columns(table(names)) == LabelColumns(video, mos, 2)


@pytest.mark.parametrize(
    "names",
    ["video,a,b", "video,std", "video,mos,score", "video,MOS_lab,MOS_crowd", "video,MOS,mos",
     "video,DMOS", "video,vmaf_score", "video,predicted score", "video,z_score",
     "video,mos_std,mos_ci", "video,mean,average"],
)  # fmt: skip
def test_where_none_or_several_are_called_mos_all_are_listed(table, names: str) -> None:
    with pytest.raises(LabelError) as caught:
        find_columns(table(names))
    message = str(caught.value)
    assert "labels.csv: of its columns, " in message
    assert message.endswith("--mos COLUMN says which")
    for name in names.split(",")[1:]:
        assert f"'{name}' (1.5)" in message


def test_words_are_no_mos_whatever_they_are_called(table) -> None:
    text = "video,score,mos\na.mp4,good,3\nb.mp4,bad,2\n"
    assert find_columns(table(text)).mos == "mos"


def test_a_mos_without_a_number_is_meant_all_the_same(table) -> None:
    """Its reader then names the line and the value."""
    assert find_columns(table("video,std,mos\na.mp4,0.5,3_5\nb.mp4,1,n/a\n")).mos == "mos"


VIDEO_TEXTS = [
    ("reference,video,mos\nr.mp4,a.mp4,3\nr.mp4,b.mp4,4\n", "video"),
    ("content,name,mos\nlake,a,3\nlake,b,4\n", "name"),
    ("id,clip,mos\n1,a.mp4,3\n2,b.mp4,4\n", "clip"),
    ("flickr_id,mos\n0012345,3\n7654321,4\n", "flickr_id"),
    ("deo,mos\na,3\nb,4\n", "deo"),
    (",mos\na.mp4,3\nb.mp4,4\n", ""),
    ("key,frames,mos\na,240,3\nb,250,4\n", "key"),
    ("video_id,video_group,mos\na,x,3\nb,x,4\n", "video_id"),
]


@pytest.mark.parametrize(("text", "video"), VIDEO_TEXTS)
def test_the_video_is_known_by_its_name_or_by_what_is_in_the_column(
    table, text: str, video: str
) -> None:
    assert find_columns(table(text)).video == video


@pytest.mark.parametrize(
    "text", ["a,b,mos\nx,y,3\nz,w,4\n", "video_a,video_b,mos\na.mp4,b.mp4,3\nc.mp4,d.mp4,4\n",
             "nr,mos\n1,3\n2,4\n"],
)  # fmt: skip
def test_where_that_tells_none_or_several_the_video_is_asked_for(table, text: str) -> None:
    with pytest.raises(LabelError, match=r"the video.*--video COLUMN says which"):
        find_columns(table(text))


def test_what_is_asked_for_may_be_said(table) -> None:
    labels = table("a,b,c,d\nx,y,3,4\nz,w,4,5\n")
    assert find_columns(labels, video="b", mos="d") == LabelColumns("b", "d", 2)
    assert find_columns(labels, video="B", mos="D") == LabelColumns("b", "d", 2)
    with pytest.raises(LabelError, match=r"--mos is 'e', expected one column of 'a' \(x\), 'b'"):
        find_columns(labels, video="b", mos="e")
    with pytest.raises(LabelError, match="cannot be both video and MOS"):
        find_columns(labels, video="d", mos="d")


@pytest.mark.parametrize(
    ("text", "video", "mos", "rows"),
    [
        ("a.mp4, 3.5\nb.mp4, 4\nc.mp4, 1\n", 0, 1, 3),
        ("3.5,a.mp4\n4,b.mp4\n", 1, 0, 2),
        ("12345,3.5\n777,4\n", 0, 1, 2),
        ("clip 1,3.5\nclip 2,4\n", 0, 1, 2),
        ("score_test,3.5\nmos_test,4\n", 0, 1, 2),
        ("a.mp4,3\n", 0, 1, 1),
        ("lake,a.mp4,3\nlake,b.mp4,4\n", 1, 2, 2),
    ],
)
def test_without_names_positions_count(table, text: str, video: int, mos: int, rows: int) -> None:
    assert find_columns(table(text)) == LabelColumns(video, mos, rows)


def test_without_names_several_numbers_are_asked_for_by_position(table) -> None:
    labels = table("a.mp4, -1, -1, 67.75\nb.mp4, -1, -1, 3\n")
    with pytest.raises(LabelError, match=r"1 \(-1\), 2 \(-1\), 3 \(67.75\). --mos POSITION, from"):
        find_columns(labels)
    assert find_columns(labels, mos="3") == LabelColumns(0, 3, 2)
    with pytest.raises(LabelError, match="--mos is '4', expected one column of 0"):
        find_columns(labels, mos="4")


@pytest.mark.parametrize(
    ("text", "names"), [("video,1,2,3,mos\na,1,2,3,4\n", True), ("video,mos\na,b\n", True),
                        ("1,2\n3,4\n", False), ("a.mp4,x\nb.mp4,3\n", False)],
)  # fmt: skip
def test_a_first_row_names_columns_where_words_stand_above_numbers(
    table, text: str, names: bool
) -> None:
    if not names:
        assert find_columns(table(text), mos="1").rows == 2
    else:
        assert find_columns(table(text), mos="mos").named


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("video,mos\n", "no row below the line of names"),
        ("a.mp4\nb.mp4\n", r"has \[\['a\.mp4'\]\], expected two columns, video and mos"),
        ("\n", "no rows, expected one for each video"),
    ],
)
def test_a_table_without_rows_or_columns_is_refused(table, text: str, complaint: str) -> None:
    with pytest.raises(LabelError, match=rf"labels\.csv: {complaint}"):
        find_columns(table(text))


def test_a_title_above_the_names_is_asked_to_go(table) -> None:
    text = "Results of our study,,\nvideo,mos,std\na.mp4,3,1\nb.mp4,2,1\n"
    with pytest.raises(
        LabelError, match=r"line 1: is 'Results of our study' alone, .* remove what"
    ):
        find_columns(table(text))


def test_a_score_that_a_program_gave_is_no_opinion(table) -> None:
    text = "video,objective_score,subjective_score\na.mp4,1,3\nb.mp4,2,4\n"
    assert find_columns(table(text)).mos == "subjective_score"
