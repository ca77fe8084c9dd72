"""Temporal preference: wins, ties and missing scores, with intervals over contents."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vqathinker.errors import InputError
from vqathinker.evaluation.predictions import write_predictions
from vqathinker.evaluation.preference import (
    ALL_KINDS,
    mean_with_interval,
    measure_preference,
    write_preference,
)
from vqathinker.params import IntervalsParams

KINDS = ("reverse", "jitter")
HOW = IntervalsParams(resamples=2000, seed=7, confidence=0.95)
VIDEOS = [f"{number:02d}.mp4" for number in range(24)]


def table(raw: np.ndarray, **copies: np.ndarray) -> pd.DataFrame:
    parts = [
        pd.DataFrame({"video": VIDEOS, "kind": kind, "score": scores})
        for kind, scores in {"raw": raw, **copies}.items()
    ]
    return pd.concat(parts, ignore_index=True)


def alone() -> pd.Series:
    return pd.Series(VIDEOS, index=VIDEOS)


def contents(of_each: int) -> pd.Series:
    return pd.Series([f"c{number // of_each}" for number in range(len(VIDEOS))], index=VIDEOS)


RAW = np.linspace(1, 5, len(VIDEOS))
HALF = np.where(np.arange(len(VIDEOS)) % 2 == 0, -0.1, 0.1)


def test_a_preference_of_one_has_wilsons_interval():
    """For n wins of n, Wilson's interval (1927) is n / (n + z²) to 1: 24 / (24 + 1.96²)."""
    found = measure_preference(table(RAW, reverse=RAW - 1, jitter=RAW + 1), KINDS, alone(), HOW)
    assert found["reverse"]["preference"].value == 1
    assert found["reverse"]["preference"].low == pytest.approx(24 / (24 + 1.959964**2))
    assert found["reverse"]["preference"].high == pytest.approx(1)
    assert found["jitter"]["preference"].value == 0
    assert found["reverse"]["difference"].value == pytest.approx(1)
    assert found["reverse"]["ties"] == 0


def test_a_policy_that_ignores_the_order_has_preference_one_half():
    found = measure_preference(table(RAW, reverse=RAW, jitter=RAW), KINDS, alone(), HOW)
    for kind in (*KINDS, ALL_KINDS):
        assert found[kind]["preference"][:3] == (0.5, None, None)
        assert "equal in every resample" in found[kind]["preference"].reason
        assert found[kind]["ties"] == 1
        assert found[kind]["difference"].value == 0


def test_pairs_without_two_scores_are_counted_and_left_out():
    raw, copy = RAW.copy(), RAW - 1
    raw[0], copy[1] = np.nan, np.nan
    found = measure_preference(table(raw, reverse=copy, jitter=RAW), KINDS, alone(), HOW)
    assert (found["reverse"]["n"], found["reverse"]["n_no_score"]) == (22, 2)
    assert (found["jitter"]["n"], found["jitter"]["n_no_score"]) == (23, 1)


def test_shared_contents_widen_the_interval():
    """Three videos of a content with equal outcomes widen the interval by about sqrt(3)."""
    won = np.where(np.arange(24) // 3 % 2 == 0, 1.0, 0.0)
    wide, narrow = (
        mean_with_interval(won, groups, np.random.default_rng(7), HOW, shares=True)
        for groups in (contents(3), alone())
    )
    assert wide.value == narrow.value == 0.5
    assert 1.4 < (wide.high - wide.low) / (narrow.high - narrow.low) < 2.6


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    manifest, predictions = tmp_path / "manifest.parquet", tmp_path / "predictions.parquet"
    pd.DataFrame({"video": VIDEOS, "content": contents(3).to_numpy()}).to_parquet(manifest)
    rows = table(RAW, reverse=RAW - 1, jitter=RAW + HALF)
    rows = rows.assign(completion="", parse_status="ok", greedy=rows["score"])
    settings = {"perturbations": {"kinds": list(KINDS)}, "seed": 7}
    write_predictions(predictions, rows, {"run": "grpo", "benchmark": "mine", **settings})
    return manifest, predictions


def test_the_written_result_is_reproducible(files: tuple[Path, Path], tmp_path: Path):
    first, second = tmp_path / "1.json", tmp_path / "2.json"
    for out in (first, second):
        write_preference(*files, out, HOW)
    assert first.read_bytes() == second.read_bytes()
    content = json.loads(first.read_text(encoding="utf-8"))
    assert (content["run"], content["benchmark"], content["videos"]) == ("grpo", "mine", 24)
    assert (content["resampled_by"], content["n_groups"]) == ("content", 8)
    assert list(content["kinds"]) == [*KINDS, ALL_KINDS]
    assert content["kinds"]["reverse"]["preference"]["value"] == 1


def test_predictions_without_copies_and_other_manifests_are_refused(
    files: tuple[Path, Path], tmp_path: Path
):
    manifest, predictions = files
    pd.read_parquet(manifest)[:-1].to_parquet(manifest)
    with pytest.raises(InputError, match=r"23\.mp4"):
        write_preference(manifest, predictions, tmp_path / "out.json", HOW)
    rows = pd.read_parquet(predictions).drop(columns="kind")
    write_predictions(predictions, rows, {"run": "grpo", "benchmark": "mine"})
    with pytest.raises(InputError, match="expected predictions on perturbed copies"):
        write_preference(manifest, predictions, tmp_path / "out.json", HOW)
