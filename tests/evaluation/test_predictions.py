"""Claims about the file of predictions."""

from pathlib import Path

import pandas as pd
import pytest

from vqathinker.evaluation.predictions import COLUMNS, read_predictions, write_predictions

ORIGIN = {"run": "grpo", "benchmark": "konvid", "policy": {"sha256": "abc"}, "seed": 3}
ROWS = pd.DataFrame(
    [("a.mp4", 3.42, "<answer>3.42</answer>", "ok"), ("b.mp4", None, "高", "no_number")],
    columns=list(COLUMNS),
)


def test_rows_and_provenance_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "grpo" / "konvid.parquet"
    write_predictions(path, ROWS, ORIGIN)
    read = read_predictions(path)
    pd.testing.assert_frame_equal(read.table, ROWS)
    assert (read.run, read.benchmark, read.provenance) == ("grpo", "konvid", ORIGIN)


def test_scores_that_are_all_null_stay_null(tmp_path: Path) -> None:
    path = tmp_path / "konvid.parquet"
    write_predictions(path, ROWS.assign(score=None), ORIGIN)
    assert read_predictions(path).table["score"].isna().all()


def test_a_table_that_is_no_prediction_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.parquet"
    pd.DataFrame({"video": ["a.mp4"], "mos": [3.0]}).to_parquet(path)
    with pytest.raises(ValueError, match=r"no column score.*no provenance of run"):
        read_predictions(path)


def test_predictions_of_nobody_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"konvid\.parquet: no provenance of benchmark"):
        write_predictions(tmp_path / "konvid.parquet", ROWS, {"run": "grpo"})
    assert not (tmp_path / "konvid.parquet").exists()
