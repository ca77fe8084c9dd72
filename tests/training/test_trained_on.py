"""The record of a policy tells what its training clips were like."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

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
    assert told["side"] == [360.0, 1080.0]
    assert told["fps"] == [24.0, 60.0]
    assert told["duration_s"] == [5.5, 12.0]
    assert len(told["mos"]) == 101
    assert told["mos"][::50] == [1.0, 2.0, 5.0]
    assert np.all(np.diff(told["mos"]) >= 0)


def test_a_manifest_of_labels_alone_tells_no_facts(tmp_path: Path) -> None:
    path = tmp_path / "mine" / "manifest.parquet"
    path.parent.mkdir()
    pd.DataFrame({"video": ["a"], "mos_training": [3.0]}).to_parquet(path)
    told = describe_labels(path, {"a"})
    assert told.keys() == {"set", "videos", "mos"}
    assert told["set"] == "mine"
