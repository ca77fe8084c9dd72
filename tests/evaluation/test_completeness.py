"""A benchmark that lacks videos is refused before it is scored."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vqathinker.evaluation.origins import IncompleteBenchmarkError, require_complete


@pytest.fixture
def manifest(tmp_path: Path):
    def write(statuses: list[str], **promise: Any) -> Path:
        path = tmp_path / "koniq" / "manifest.parquet"
        path.parent.mkdir(exist_ok=True)
        metadata = {"set": json.dumps(promise)} if promise else None
        table = pa.table({"status": statuses}).replace_schema_metadata(metadata)
        pq.write_table(table, path)
        return path

    return write


WHOLE = ["ok", "damaged", "ok"]


@pytest.mark.parametrize(
    ("statuses", "promise"),
    [
        (WHOLE, {"set": "koniq", "expected": 3, "made": False}),
        (WHOLE, {"set": "koniq", "expected": None, "made": False}),
        (WHOLE, {}),
        (["missing"], {"set": "koniq", "expected": None, "made": True}),
    ],
)
def test_a_whole_or_made_set_may_be_scored(manifest, statuses, promise) -> None:
    path = manifest(statuses, **promise)
    require_complete(path, statuses)
    assert path.is_file()


@pytest.mark.parametrize(
    ("statuses", "promise", "said"),
    [
        (["ok", "missing", "missing"], {"set": "koniq", "expected": 3, "made": False},
         "3 rows, 2 of them without a video, expected 3"),
        (["ok", "ok"], {"set": "koniq", "expected": 3, "made": False}, "2 rows, 0 of them"),
        (["ok", "missing"], {}, "2 rows, 1 of them"),
    ],
)  # fmt: skip
def test_what_is_missing_is_told_with_both_ways_on(manifest, statuses, promise, said) -> None:
    with pytest.raises(IncompleteBenchmarkError) as caught:
        require_complete(manifest(statuses, **promise), statuses)
    for part in (said, "vqathinker data check koniq", "metrics.allow_incomplete: true"):
        assert part in str(caught.value)
