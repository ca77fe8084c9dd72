"""The record of the training set in a policy."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.stats import percentileofscore

from vqathinker.scoring.trained_on import TrainedOn
from vqathinker.training.trained_on import describe_training_set


def test_record_describes_the_training_clips(tmp_path: Path) -> None:
    rows = {
        "video": ["a", "b", "c", "unused"], "mos_training": [1.0, 2.0, 5.0, 9.0],
        "width": [1920, 720, 640, 9], "height": [1080, 1280, 360, 9],
        "fps": [24.0, 60.0, 30.0, 1.0], "duration_s": [8.0, 5.5, 12.0, 900.0],
    }  # fmt: skip
    table = pa.Table.from_pydict(rows).replace_schema_metadata(
        {"set": json.dumps({"set": "mine", "label_origin": "judged"})}
    )
    pq.write_table(table, tmp_path / "manifest.parquet")
    record = describe_training_set(tmp_path / "manifest.parquet", {"a", "b", "c"})
    assert (record["set"], record["label_origin"], record["videos"]) == ("mine", "judged", 3)
    assert record["side"] == [360.0, 1080.0]
    assert record["fps"] == [24.0, 60.0]
    assert record["duration_s"] == [5.5, 12.0]
    assert len(record["mos"]) == 101
    assert record["mos"][::50] == [1.0, 2.0, 5.0]
    assert np.all(np.diff(record["mos"]) >= 0)


LABELS = {
    "five points": np.repeat([1.0, 2, 3, 4, 5], [10, 100, 20, 7, 3]),
    "half tied": np.r_[np.full(200, 3.0), np.linspace(1, 5, 200)],
    "all equal": np.full(50, 3.0),
    "thirds": np.arange(3, 15) / 3,
}


def trained_on(folder: Path, labels: np.ndarray) -> dict[str, object]:
    """The record of a run with these labels."""
    videos = [str(number) for number in range(len(labels))]
    pd.DataFrame({"video": videos, "mos_training": labels}).to_parquet(folder / "m.parquet")
    record: dict[str, object] = json.loads(
        json.dumps(describe_training_set(folder / "m.parquet", set(videos)))
    )
    return record


@pytest.mark.parametrize("name", LABELS)
def test_percentile_counts_ties_half(tmp_path: Path, name: str) -> None:
    labels = LABELS[name]
    known = TrainedOn.from_provenance({"trained_on": trained_on(tmp_path, labels)})
    for score in (0.5, 1.0, 2.5, 2.9999, 3.0, 3.0001, 3.3333, 5.0, 7.0):
        expected = percentileofscore(labels.round(4), score, kind="mean")
        assert known.percentile(score) == pytest.approx(expected)
    if name == "five points":  # within half a percentile even without the counts
        rough = TrainedOn(mos=known.mos).percentile(3.0)
        assert rough == pytest.approx(percentileofscore(labels, 3.0, kind="mean"), abs=0.5)
