"""Incomplete benchmarks and missing sets."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vqathinker.evaluation.metrics import Metrics, write_missing_set_metrics
from vqathinker.evaluation.origins import IncompleteBenchmarkError, require_complete
from vqathinker.params import DataParams, EvaluationParams, load_section


@pytest.fixture
def paper(root: Path, tmp_path: Path) -> tuple[DataParams, EvaluationParams]:
    text = (root / "params.yaml").read_text(encoding="utf-8")
    path = tmp_path / "params.yaml"
    path.write_text(text.replace("scale: demo", "scale: paper", 1), encoding="utf-8")
    return load_section(path, DataParams), load_section(path, EvaluationParams)


def written(folder: Path, paper: Any, benchmark: str, *missing: str) -> dict[str, Any]:
    write_missing_set_metrics("grpo", benchmark, missing, *paper, folder / "metrics.json")
    content: dict[str, Any] = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    return content


def test_metrics_of_a_missing_set_have_all_keys(tmp_path: Path, paper: Any) -> None:
    metrics = written(tmp_path, paper, "cgvds", "cgvds")
    assert set(metrics) == {*Metrics.__annotations__, "provenance"}
    assert (metrics["n"], metrics["n_missing"], metrics["n_scored"]) == (357, 357, 0)
    assert (metrics["srcc"], metrics["not_scored"]) == (None, {})


@pytest.mark.parametrize(
    ("benchmark", "missing", "commands"),
    [
        ("konvid_1k", "lsvq_train", ["data fetch lsvq_train"]),
        ("lsvq_test", "lsvq_test", ["data fetch lsvq_train && vqathinker data fetch lsvq_test"]),
        ("live_vqc", "live_vqc", ["data status live_vqc", "data fetch live_vqc"]),
    ],
)
def test_the_reason_names_the_set_and_the_commands_to_get_it(
    tmp_path: Path, paper: Any, benchmark: str, missing: str, commands: list[str]
) -> None:
    result = written(tmp_path, paper, benchmark, missing)
    assert result["reason"].startswith(missing)
    assert all(f"`vqathinker {command}`" in result["reason"] for command in commands)
    assert result["provenance"]["missing_sets"] == {missing: result["reason"]}


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
def test_complete_and_generated_sets_are_accepted(tmp_path: Path, statuses, promise) -> None:
    require_complete(manifest(tmp_path, statuses, **promise), statuses)


@pytest.mark.parametrize(
    ("statuses", "counts"), [(["ok", "missing", "missing"], "3 rows, 2"), (["ok"] * 2, "2 rows, 0")]
)
def test_an_incomplete_set_is_refused_with_both_remedies(tmp_path: Path, statuses, counts) -> None:
    path = manifest(tmp_path, statuses, set="koniq", expected=3, made=False)
    with pytest.raises(IncompleteBenchmarkError, match=counts) as caught:
        require_complete(path, statuses)
    for part in ("vqathinker data check koniq", "metrics.allow_incomplete"):
        assert part in str(caught.value)
