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
    known = {*data["in_domain"], *data["out_of_distribution"], "kvq"}
    assert set(rows) == {row.benchmark for row in read_published()} == known
    assert (rows["lsvq_test"].srcc, rows["lsvq_test"].plcc) == (0.883, 0.880)
    assert rows["vdpve"].how_sure == "catalogue"


def test_accuracies_of_the_released_weights_are_those_printed_by_the_group() -> None:
    found = {key: round(100 * value, 2) for key, value in read_published_accuracy().items()}
    pairs = [found["pairwise_accuracy", name] for name in ("konvid_1k", "vdpve", "live_yt_hfr")]
    assert pairs == [87.17, 77.33, 62.08]
    asked = [found["q_bench_video_dev", part] for part in ("yes_no", "what_how", "open_ended")]
    assert asked == [70.42, 56.56, 35.15]
    assert found["q_bench_video_dev", "overall"] == 55.70


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HEAD + ROW.replace("0.8", "1.8"), "line 2: srcc"),
        (HEAD + ROW.replace("group", "sure"), "line 2: how_sure"),
        (HEAD + ROW.replace("yes", "perhaps"), "line 2: ranked"),
        (HEAD + ROW + ROW, "konvid_1k"),
        (HEAD.replace("srcc", "rank") + ROW, "line 2: srcc"),
    ],
)
def test_a_wrong_file_is_refused_with_line_and_column(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "published.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=rf"published\.csv.*{told}"):
        read_published(path)
