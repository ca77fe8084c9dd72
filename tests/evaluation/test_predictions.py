"""The file of predictions: round trips, and merging of shards."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vqathinker.errors import InputError
from vqathinker.evaluation.predictions import (
    COLUMNS,
    merge_predictions,
    read_predictions,
    write_predictions,
)

ORIGIN = {"run": "grpo", "benchmark": "konvid", "policy": {"sha256": "abc"}, "seed": 3}
LISTS = ["samples", "sample_statuses"]
ROWS = pd.DataFrame(
    [("a.mp4", 3.4, "<answer>3.42</answer>", "ok", 3.42), ("b.mp4", None, "高", "no_answer", None)],
    columns=list(COLUMNS),
)


def test_scores_spreads_and_samples_survive_a_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "konvid.parquet"
    more = ROWS.assign(
        mean=[3.4, None], mean_spread=[0.1, None], samples=[[3.3, 3.5], [None, None]],
        sample_statuses=[["ok", "ok"], ["truncated", "not_a_number"]], expected=[3.41, None],
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


def test_another_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.parquet"
    pd.DataFrame({"video": ["a.mp4"], "mos": [3.0]}).to_parquet(path)
    with pytest.raises(ValueError, match=r"labels\.parquet: .*score"):
        read_predictions(path)


SHARD_ORIGIN = {
    "run": "grpo",
    "benchmark": "koniq",
    "policy": "p",
    "machine": {"gpu": None, "caps": {}},
}


def part(folder: Path, videos: Sequence[str], **origin: Any) -> Path:
    rows = [
        {
            "video": video, "score": None, "completion": "…", "parse_status": "ok", "greedy": 1.5,
            "samples": [None, 2.0], "sample_statuses": ["no_answer", "ok"],
        }
        for video in videos
    ]  # fmt: skip
    path = folder / f"{'-'.join(videos)}.parquet"
    write_predictions(path, pd.DataFrame(rows), {**SHARD_ORIGIN, "clips": [path.name], **origin})
    return path


def test_merged_shards_equal_one_prediction(tmp_path: Path) -> None:
    parts = [part(tmp_path, ["b"]), part(tmp_path, ["a", "c"])]
    merge_predictions(parts, tmp_path / "all.parquet")
    clips = ["b.parquet", "a-c.parquet"]
    at_once = part(tmp_path, ["b", "a", "c"], clips=clips)
    assert (tmp_path / "all.parquet").read_bytes() == at_once.read_bytes()


def test_an_empty_shard_adds_only_its_clips(tmp_path: Path) -> None:
    none = tmp_path / "none.parquet"
    columns = ["video", "score", "completion", "parse_status", "greedy"]
    write_predictions(none, pd.DataFrame(columns=columns), {**SHARD_ORIGIN, "clips": ["none"]})
    merge_predictions([none, part(tmp_path, ["a"])], tmp_path / "all.parquet")
    merged = read_predictions(tmp_path / "all.parquet")
    assert merged.table["video"].tolist() == ["a"]
    assert merged.provenance["clips"] == ["none", "a.parquet"]
    merge_predictions([none], tmp_path / "all.parquet")
    assert read_predictions(tmp_path / "all.parquet").table.empty


def test_shards_of_another_policy_are_refused(tmp_path: Path) -> None:
    parts = [part(tmp_path, ["a"]), part(tmp_path, ["b"], policy="q")]
    with pytest.raises(InputError, match=r"b\.parquet: policy .*'q'.*'p'.*a\.parquet"):
        merge_predictions(parts, tmp_path / "all.parquet")
    assert not (tmp_path / "all.parquet").exists()


def test_duplicate_videos_are_refused(tmp_path: Path) -> None:
    one = part(tmp_path, ["a"])
    again = Path(shutil.copy(one, tmp_path / "again.parquet"))
    with pytest.raises(InputError, match=r"again\.parquet: .*'a'"):
        merge_predictions([one, again], tmp_path / "all.parquet")
