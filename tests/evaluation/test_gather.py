"""Predictions of shards become one file: every row, as it was, with the origin of all."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from vqathinker.errors import InputError
from vqathinker.evaluation.predictions import gather, read_predictions, write_predictions

ORIGIN = {"run": "grpo", "benchmark": "koniq", "policy": "p", "machine": {"gpu": None, "caps": {}}}


def part(folder: Path, videos: Sequence[str], **origin: Any) -> Path:
    rows = [
        {
            "video": video, "score": None, "completion": "…", "parse_status": "ok", "greedy": 1.5,
            "samples": [None, 2.0], "sample_statuses": ["no_answer", "ok"],
        }
        for video in videos
    ]  # fmt: skip
    path = folder / f"{'-'.join(videos)}.parquet"
    write_predictions(path, pd.DataFrame(rows), {**ORIGIN, "clips": [path.name], **origin})
    return path


def test_rows_follow_each_other_as_if_they_had_been_predicted_at_once(tmp_path: Path) -> None:
    parts = [part(tmp_path, ["b"]), part(tmp_path, ["a", "c"])]
    gather(parts, tmp_path / "all.parquet")
    clips = ["b.parquet", "a-c.parquet"]
    at_once = part(tmp_path, ["b", "a", "c"], clips=clips)
    assert (tmp_path / "all.parquet").read_bytes() == at_once.read_bytes()


def test_a_shard_without_a_row_adds_its_clips_alone(tmp_path: Path) -> None:
    none = tmp_path / "none.parquet"
    columns = ["video", "score", "completion", "parse_status", "greedy"]
    write_predictions(none, pd.DataFrame(columns=columns), {**ORIGIN, "clips": ["none"]})
    gather([none, part(tmp_path, ["a"])], tmp_path / "all.parquet")
    said = read_predictions(tmp_path / "all.parquet")
    assert said.table["video"].tolist() == ["a"]
    assert said.provenance["clips"] == ["none", "a.parquet"]
    gather([none], tmp_path / "all.parquet")
    assert read_predictions(tmp_path / "all.parquet").table.empty


def test_shards_of_another_policy_are_refused(tmp_path: Path) -> None:
    parts = [part(tmp_path, ["a"]), part(tmp_path, ["b"], policy="q")]
    with pytest.raises(InputError, match=r"b\.parquet: policy .*'q'.*'p'.*a\.parquet"):
        gather(parts, tmp_path / "all.parquet")
    assert not (tmp_path / "all.parquet").exists()


def test_a_video_may_not_come_twice(tmp_path: Path) -> None:
    one = part(tmp_path, ["a"])
    again = Path(shutil.copy(one, tmp_path / "again.parquet"))
    with pytest.raises(InputError, match=r"again\.parquet: .*'a'"):
        gather([one, again], tmp_path / "all.parquet")
