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

PAPER = "scale: paper"
VQC = "live_vqc"


@pytest.fixture
def paper(root: Path, tmp_path: Path) -> tuple[DataParams, EvaluationParams]:
    text = (root / "params.yaml").read_text(encoding="utf-8")
    path = tmp_path / "params.yaml"
    path.write_text(text.replace("scale: demo", PAPER, 1), encoding="utf-8")
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
    ("benchmark", "lacking", "what", "command"),
    [
        ("konvid_1k", "konvid_1k", "konvid_1k", "`vqathinker data fetch konvid_1k`"),
        ("konvid_1k", "lsvq_train", "lsvq_train, the training set,",
         "`vqathinker data fetch lsvq_train`"),
        ("lsvq_test", "lsvq_test", "lsvq_test",
         "`vqathinker data fetch lsvq_train && vqathinker data fetch lsvq_test`"),
        ("live_vqc", "live_vqc", "live_vqc",
         f"`vqathinker data status {VQC}` says what you do, then `vqathinker data fetch {VQC}`"),
    ],
)  # fmt: skip
def test_the_reason_names_the_set_and_the_command_that_brings_it(
    tmp_path: Path, paper: Any, benchmark: str, lacking: str, what: str, command: str
) -> None:
    result = written(tmp_path, paper, benchmark, lacking)
    assert result["reason"] == f"{what} is not there: {command} brings it"
    assert result["provenance"]["absent"] == {lacking: result["reason"]}


def test_a_row_that_lacks_nothing_is_refused(tmp_path: Path, paper: Any) -> None:
    with pytest.raises(InputError, match="--lacking"):
        written(tmp_path, paper, "cgvds")


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
