"""Claims about the file of predictions."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vqathinker.evaluation.predictions import COLUMNS, read_predictions, write_predictions

ORIGIN = {"run": "grpo", "benchmark": "konvid", "policy": {"sha256": "abc"}, "seed": 3}
LISTS = ["samples", "sample_statuses"]
ROWS = pd.DataFrame(
    [("a.mp4", 3.4, "<answer>3.42</answer>", "ok", 3.42), ("b.mp4", None, "高", "no_answer", None)],
    columns=list(COLUMNS),
)


def test_rows_and_provenance_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "grpo" / "konvid.parquet"
    write_predictions(path, ROWS, ORIGIN)
    read = read_predictions(path)
    pd.testing.assert_frame_equal(read.table, ROWS)
    assert (read.run, read.benchmark, read.provenance) == ("grpo", "konvid", ORIGIN)


def test_every_kind_of_score_comes_back_with_its_spread_and_its_samples(tmp_path: Path) -> None:
    path = tmp_path / "konvid.parquet"
    more = ROWS.assign(
        mean=[3.4, None], mean_spread=[0.1, None], samples=[[3.3, 3.5], [None, None]],
        sample_statuses=[["ok", "ok"], ["cut_off", "not_a_number"]], expected=[3.41, None],
        expected_spread=[0.2, None], expected_mass=[0.98, 0.0],
    )  # fmt: skip
    write_predictions(path, more, ORIGIN)
    table = read_predictions(path).table
    pd.testing.assert_frame_equal(
        table[more.columns.difference(LISTS)], more[more.columns.difference(LISTS)]
    )
    assert [list(row) for row in table["sample_statuses"]] == more["sample_statuses"].tolist()
    np.testing.assert_equal(table["samples"][0].tolist(), [3.3, 3.5])
    assert np.isnan(table["samples"][1]).all()


def test_a_table_that_is_no_prediction_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.parquet"
    pd.DataFrame({"video": ["a.mp4"], "mos": [3.0]}).to_parquet(path)
    with pytest.raises(ValueError, match=r"labels\.parquet: .*score.*run"):
        read_predictions(path)
