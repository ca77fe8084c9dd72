"""Benchmarks that lack videos, and those that are absent."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vqathinker.errors import InputError
from vqathinker.evaluation.metrics import write_absent, write_metrics
from vqathinker.evaluation.origins import IncompleteBenchmarkError, require_complete
from vqathinker.evaluation.predictions import write_predictions
from vqathinker.params import DataParams, EvaluationParams, IntervalsParams, load_section


@pytest.fixture
def paper(root: Path, tmp_path: Path) -> tuple[DataParams, EvaluationParams]:
    text = (root / "params.yaml").read_text(encoding="utf-8")
    path = tmp_path / "params.yaml"
    path.write_text(text.replace("scale: demo", "scale: paper", 1), encoding="utf-8")
    return load_section(path, DataParams), load_section(path, EvaluationParams)


def written(folder: Path, paper: Any, benchmark: str, *lacking: str) -> dict[str, Any]:
    write_absent("grpo", benchmark, lacking, *paper, folder / "absent.json")
    content: dict[str, Any] = json.loads((folder / "absent.json").read_text(encoding="utf-8"))
    return content


def test_it_has_the_keys_of_a_result_with_numbers(tmp_path: Path, paper: Any) -> None:
    videos = [f"{number}.mp4" for number in range(4)]
    said = pd.DataFrame({"video": videos, "score": [1.0, 2.0, 3.0, 4.0], "completion": "x"})
    said = said.assign(greedy=said["score"], parse_status="ok")
    write_predictions(tmp_path / "p.parquet", said, {"run": "grpo", "benchmark": "cgvds"})
    labels = pd.DataFrame({"video": videos, "mos": [1.0, 2.0, 4.0, 3.0], "status": "ok"})
    labels = labels.assign(domain="out-of-distribution", reason=None, content=None)
    labels.to_parquet(tmp_path / "m.parquet")
    quick = IntervalsParams(resamples=100, seed=7, confidence=0.95)
    files = (tmp_path / "m.parquet", tmp_path / "p.parquet")
    write_metrics(*files, {}, tmp_path / "real.json", intervals=quick)
    real = json.loads((tmp_path / "real.json").read_text(encoding="utf-8"))
    absent = written(tmp_path, paper, "cgvds", "cgvds")
    assert list(absent) == list(real)
    assert (absent["n"], absent["n_missing"], absent["n_scored"]) == (357, 357, 0)
    assert (absent["srcc"], absent["not_scored"]) == (None, {})


@pytest.mark.parametrize(
    ("benchmark", "lacking", "commands"),
    [
        ("konvid_1k", "lsvq_train", ["data fetch lsvq_train"]),
        ("lsvq_test", "lsvq_test", ["data fetch lsvq_train && vqathinker data fetch lsvq_test"]),
        ("live_vqc", "live_vqc", ["data status live_vqc", "data fetch live_vqc"]),
    ],
)
def test_the_reason_names_the_set_and_the_commands_that_bring_it(
    tmp_path: Path, paper: Any, benchmark: str, lacking: str, commands: list[str]
) -> None:
    result = written(tmp_path, paper, benchmark, lacking)
    assert result["reason"].startswith(lacking)
    assert all(f"`vqathinker {command}`" in result["reason"] for command in commands)
    assert result["provenance"]["absent"] == {lacking: result["reason"]}


def test_a_row_that_lacks_nothing_is_refused(tmp_path: Path, paper: Any) -> None:
    with pytest.raises(InputError, match="--lacking"):
        written(tmp_path, paper, "cgvds")


def manifest(folder: Path, statuses: list[str], **promise: Any) -> Path:
    path = folder / "manifest.parquet"
    metadata = {"set": json.dumps(promise)} if promise else None
    pq.write_table(pa.table({"status": statuses}).replace_schema_metadata(metadata), path)
    return path


@pytest.mark.parametrize(
    ("statuses", "promise"),
    [
        (["ok", "damaged", "ok"], {"set": "koniq", "expected": 3, "made": False}),
        (["ok", "damaged", "ok"], {}),
        (["missing"], {"set": "koniq", "expected": None, "made": True}),
    ],
)
def test_a_whole_or_made_set_may_be_scored(tmp_path: Path, statuses, promise) -> None:
    require_complete(manifest(tmp_path, statuses, **promise), statuses)


@pytest.mark.parametrize(
    ("statuses", "counts"), [(["ok", "missing", "missing"], "3 rows, 2"), (["ok"] * 2, "2 rows, 0")]
)
def test_what_is_missing_is_told_with_both_ways_on(tmp_path: Path, statuses, counts) -> None:
    path = manifest(tmp_path, statuses, set="koniq", expected=3, made=False)
    with pytest.raises(IncompleteBenchmarkError, match=counts) as caught:
        require_complete(path, statuses)
    for part in ("vqathinker data check koniq", "metrics.allow_incomplete"):
        assert part in str(caught.value)
