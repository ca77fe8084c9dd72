"""Counts of metrics files, and refused inputs."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from vqathinker.evaluation.metrics import evaluate, write_metrics
from vqathinker.evaluation.origins import IncompleteBenchmarkError
from vqathinker.evaluation.predictions import write_predictions
from vqathinker.params import IntervalsParams

QUICK = IntervalsParams(resamples=200, seed=7, confidence=0.95)
ORIGIN = {"run": "grpo", "benchmark": "koniq", "policy_hash": "abc", "seed": 3}
REASONS = {"missing": "no such file", "no_index": "moov atom not found"}


def manifest(*rows: tuple[str, float, str]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["video", "mos", "status"])
    return table.assign(
        domain="in-domain", content=None, reason=[REASONS.get(row[2]) for row in rows]
    )


def predictions(**scores: float | None) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "video": [f"{name}.mp4" for name in scores],
            "score": pd.array(list(scores.values()), dtype="Float64").astype(float),
            "completion": "<answer>…</answer>",
            "parse_status": ["no_answer" if score is None else "ok" for score in scores.values()],
        }
    ).pipe(lambda table: table.assign(greedy=table["score"]))


LABELS = manifest(
    ("a.mp4", 10, "ok"), ("b.mp4", 20, "ok"), ("c.mp4", 30, "ok"), ("d.mp4", 50, "ok")
)


def judge(table: pd.DataFrame, labels: pd.DataFrame = LABELS, **failures: str) -> dict[str, Any]:
    reasons = {f"{name}.mp4": reason for name, reason in failures.items()}
    return dict(evaluate(table, labels, reasons, run="grpo", benchmark="koniq", intervals=QUICK))


class TestEvaluate:
    def test_every_label_is_counted_exactly_once(self) -> None:
        labels = pd.concat(
            [
                LABELS,
                manifest(("e.mp4", 1, "missing"), ("f.mp4", 2, "no_index"), ("g.mp4", 3, "ok")),
            ]
        )
        found = judge(predictions(a=1.5, b=2.5, c=3.5, d=None), labels, g="time limit of 60 s")
        assert {name: found[name] for name in found if name.startswith("n")} == {
            "n": 7,
            "n_missing": 1,
            "n_damaged": 2,
            "n_no_score": 1,
            "n_scored": 3,
            "n_groups": 3,
            "not_scored": {
                "g.mp4": "time limit of 60 s",
                "e.mp4": "no such file",
                "f.mp4": "moov atom not found",
                "d.mp4": "the completion has no answer",
            },
        }
        assert found["srcc"] == pytest.approx(1)

    def test_answers_and_samples_are_counted_by_status(self) -> None:
        table = predictions(a=1, b=2, c=3, d=None)
        drawn = [["ok", "truncated"], ["ok", "ok"], ["out_of_range", "ok"], ["no_answer"] * 2]
        found = judge(table.assign(sample_statuses=drawn))
        none = {"not_a_number": 0, "out_of_range": 0, "truncated": 0}
        assert found["answers"] == none | {"ok": 3, "no_answer": 1}
        counts = {"ok": 4, "truncated": 1, "out_of_range": 1, "no_answer": 2, "not_a_number": 0}
        assert found["samples"] == counts

    def test_every_kind_of_score_is_measured_and_the_main_one_named(self) -> None:
        table = predictions(a=1, b=2, c=3, d=4).assign(greedy=[1.0, 2.0, 2.0, None])
        found = dict(
            evaluate(table.assign(mean=table["score"]), LABELS, {}, run="r", benchmark="b",
                     intervals=QUICK, score="mean")
        )  # fmt: skip
        assert found["score"] == "mean"
        assert list(found["by_score"]) == ["greedy", "mean"]
        assert found["by_score"]["mean"]["srcc"] == found["srcc"] == pytest.approx(1)
        assert found["by_score"]["greedy"]["n_scored"] == 3
        assert found["by_score"]["greedy"]["distinct"] == 2

    @pytest.mark.parametrize(
        ("table", "labels", "message"),
        [
            (predictions(a=1, b=2, c=3), LABELS, r"d\.mp4"),
            (predictions(a=1, b=2, c=3, d=4, z=5), LABELS, r"z\.mp4"),
            (predictions(a=1, b=2), manifest(("a.mp4", 1, "ok"), ("b.mp4", 2, "missing")), "b.mp4"),
            (predictions(a=1), manifest(("a.mp4", float("nan"), "ok")), "MOS"),
        ],
    )
    def test_mismatched_files_are_refused(
        self, table: pd.DataFrame, labels: pd.DataFrame, message: str
    ) -> None:
        with pytest.raises(ValueError, match=message):
            judge(table, labels)


class TestWriteMetrics:
    @pytest.fixture
    def files(self, tmp_path: Path) -> tuple[Path, Path, Path]:
        labels, predicted = tmp_path / "manifest.parquet", tmp_path / "predictions.parquet"
        LABELS.to_parquet(labels)
        write_predictions(predicted, predictions(a=1, b=2, c=4, d=None), ORIGIN)
        return labels, predicted, tmp_path / "metrics" / "koniq.json"

    def test_the_file_has_numbers_and_provenance(self, files: tuple[Path, Path, Path]) -> None:
        labels, predicted, out = files
        found = write_metrics(labels, predicted, {}, out, intervals=QUICK)
        written = json.loads(out.read_text(encoding="utf-8"))
        digest = hashlib.sha256(labels.read_bytes()).hexdigest()
        origin = written.pop("provenance")
        made = origin.pop("made_from")
        assert origin == {**ORIGIN, "manifest_sha256": digest}
        assert made["manifest"] == {"path": labels.as_posix(), "sha256": digest}
        assert made["predictions"]["path"] == predicted.as_posix()
        assert written == found
        assert (written["n_no_score"], written["srcc"]) == (1, pytest.approx(1))

    def test_an_incomplete_benchmark_is_scored_only_if_allowed(
        self, files: tuple[Path, Path, Path]
    ) -> None:
        labels, predicted, out = files
        pd.concat([LABELS, manifest(("e.mp4", 9, "missing"))]).to_parquet(labels)
        with pytest.raises(IncompleteBenchmarkError):
            write_metrics(labels, predicted, {}, out, intervals=QUICK)
        assert not out.exists()
        assert (
            write_metrics(labels, predicted, {}, out, intervals=QUICK, allow_incomplete=True)[
                "n_missing"
            ]
            == 1
        )
