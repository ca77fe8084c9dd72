"""The record of a policy tells what its training clips were like."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.stats import percentileofscore

from vqathinker.scoring.trained_on import TrainedOn
from vqathinker.training.trained_on import describe_labels


def test_labels_and_facts_are_those_of_the_clips_that_are_trained_on(tmp_path: Path) -> None:
    rows = {
        "video": ["a", "b", "c", "unused"], "mos_training": [1.0, 2.0, 5.0, 9.0],
        "width": [1920, 720, 640, 9], "height": [1080, 1280, 360, 9],
        "fps": [24.0, 60.0, 30.0, 1.0], "duration_s": [8.0, 5.5, 12.0, 900.0],
    }  # fmt: skip
    table = pa.Table.from_pydict(rows).replace_schema_metadata({"set": json.dumps({"set": "mine"})})
    pq.write_table(table, tmp_path / "manifest.parquet")
    told = describe_labels(tmp_path / "manifest.parquet", {"a", "b", "c"})
    assert (told["set"], told["videos"]) == ("mine", 3)
    assert "label_origin" not in told  # the manifest is an older one
    assert told["side"] == [360.0, 1080.0]
    assert told["fps"] == [24.0, 60.0]
    assert told["duration_s"] == [5.5, 12.0]
    assert len(told["mos"]) == 101
    assert told["mos"][::50] == [1.0, 2.0, 5.0]
    assert np.all(np.diff(told["mos"]) >= 0)


LABELS = {
    "five points": np.repeat([1.0, 2, 3, 4, 5], [10, 100, 20, 7, 3]),
    "half tied": np.r_[np.full(200, 3.0), np.linspace(1, 5, 200)],
    "all equal": np.full(50, 3.0),
    "thirds": np.arange(3, 15) / 3,
}


def trained_on(folder: Path, labels: np.ndarray) -> dict[str, object]:
    """The record of a run on a manifest with these labels."""
    videos = [str(number) for number in range(len(labels))]
    pd.DataFrame({"video": videos, "mos_training": labels}).to_parquet(folder / "m.parquet")
    told: dict[str, object] = json.loads(
        json.dumps(describe_labels(folder / "m.parquet", set(videos)))
    )
    return told


@pytest.mark.parametrize("name", LABELS)
def test_the_percentile_of_a_score_counts_ties_half(tmp_path: Path, name: str) -> None:
    labels = LABELS[name]
    known = TrainedOn.of({"trained_on": trained_on(tmp_path, labels)})
    for score in (0.5, 1.0, 2.5, 2.9999, 3.0, 3.0001, 3.3333, 5.0, 7.0):
        expected = percentileofscore(labels.round(4), score, kind="mean")
        assert known.percentile(score) == pytest.approx(expected)
    if name == "five points":  # within half of a percentile without the counts, too
        rough = TrainedOn(mos=known.mos).percentile(3.0)
        assert rough == pytest.approx(percentileofscore(labels, 3.0, kind="mean"), abs=0.5)


@pytest.mark.parametrize(
    ("recorded", "origin"),
    [({"label_origin": "judged", "made": False}, "judged"), ({"made": True}, "computed"),
     ({"made": False}, None)],
)  # fmt: skip
def test_the_origin_of_labels_comes_from_the_manifest(
    tmp_path: Path, recorded: dict[str, object], origin: str | None
) -> None:
    table = pa.table({"video": ["a"], "mos_training": [3.0]})
    metadata = {"set": json.dumps({"set": "mine", **recorded})}
    pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "m.parquet")
    assert describe_labels(tmp_path / "m.parquet", {"a"}).get("label_origin") == origin
