"""Claims about the published rows."""

from pathlib import Path

import pytest

from vqathinker.errors import InputError
from vqathinker.reporting.published import (
    METHOD,
    read_published,
    read_published_accuracy,
)

HEAD = "method,training_data,benchmark,srcc,plcc,how_sure,ranked,source\n"
ROW = "A,LSVQ,konvid_1k,0.8,0.9,group,yes,a paper\n"


def test_the_method_has_a_row_on_every_benchmark_of_the_paper(config) -> None:
    data = config["scales"]["paper"]["data"]
    rows = {row.benchmark: row for row in read_published() if row.method == METHOD}
    assert set(rows) == {*data["in_domain"], *data["out_of_distribution"], "kvq"}
    assert (rows["lsvq_test"].srcc, rows["lsvq_test"].plcc) == (0.883, 0.880)
    assert rows["vdpve"].how_sure == "catalogue"


def test_a_benchmark_is_one_of_the_paper_s_or_kvq(config) -> None:
    data = config["scales"]["paper"]["data"]
    known = {*data["in_domain"], *data["out_of_distribution"], "kvq"}
    assert {row.benchmark for row in read_published()} == known


def test_what_was_trained_on_the_tested_set_is_not_ranked() -> None:
    assert {row.method for row in read_published() if not row.ranked} == {
        "FineVQ", "MDS-VQA", "MDS-VQA base (VisualQuality-R1 tuned on YT-UGC)",
        "MDS-VQA random 5 %",
    }  # fmt: skip


def test_accuracies_of_the_released_weights_are_those_printed_by_the_group() -> None:
    found = {
        (row.task, row.part): row.percent
        for row in read_published_accuracy()
        if row.method == METHOD
    }
    pairs = [found["pairwise_accuracy", name] for name in ("konvid_1k", "vdpve", "live_yt_hfr")]
    assert pairs == [87.17, 77.33, 62.08]
    asked = [found["q_bench_video_dev", part] for part in ("yes_no", "what_how", "open_ended")]
    assert asked == [70.42, 56.56, 35.15]
    assert found["q_bench_video_dev", "overall"] == 55.70


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            HEAD + ROW.replace("0.8", "1.8"),
            r"srcc is '1.8', expected a number from -1 to 1",
        ),
        (HEAD + ROW.replace("0.9", "nan"), "line 2: plcc is 'nan'"),
        (
            HEAD + ROW.replace("group", "sure"),
            "how_sure is 'sure', expected one of group-confirmed",
        ),
        (HEAD + ROW.replace("yes", "1"), "ranked is '1', expected yes or no"),
        (HEAD + ROW.replace("a paper", ""), "source is '', expected a word"),
        (HEAD + ROW + ROW, "A, LSVQ, as printed, konvid_1k stands there twice"),
        (ROW, "has columns .*, expected "),
        ("", "has columns None, expected "),
    ],
)
def test_a_wrong_file_is_told_with_line_value_and_expectation(
    tmp_path: Path, text: str, told: str
) -> None:
    path = tmp_path / "published.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=told):
        read_published(path)
