"""Videos that a run holds out are not trained on, and only they are evaluated."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.training.conftest import AUTHORS, RolloutCall, Settings

from vqathinker.errors import InputError
from vqathinker.evaluation.metrics import write_metrics
from vqathinker.evaluation.predict import predict
from vqathinker.evaluation.predictions import read_predictions
from vqathinker.params import AnswerParams, EvaluationParams, IntervalsParams
from vqathinker.policy.folder.checkpoint import read_provenance
from vqathinker.policy.folder.export import export
from vqathinker.training.run import hold_out

VIDEOS = [f"{number}.mp4" for number in range(40)]
SET = "mine"


def test_splits_depend_on_ids_and_seed_only() -> None:
    drawn = hold_out(VIDEOS, 10, 42)
    assert len(set(drawn)) == 10
    assert set(drawn) < set(VIDEOS)
    assert drawn == hold_out(VIDEOS[::-1], 10, 42) != hold_out(VIDEOS, 10, 43)
    assert hold_out(VIDEOS, 0, 42) == []


def test_over_many_seeds_all_videos_are_held_out() -> None:
    assert {video for seed in range(30) for video in hold_out(VIDEOS, 10, seed)} == set(VIDEOS)


@pytest.fixture
def manifest(tmp_path: Path, training_set: Any) -> Path:
    """A manifest of the six clips and of a damaged video."""
    table = pd.read_parquet(training_set.folder / "manifest.parquet")
    damaged = table["video"] == "broken.mp4"
    table = table.assign(
        mos=table["mos_training"], domain="in-domain", content=None,
        status=damaged.map({True: "cut_short", False: "ok"}), reason=None,
    )  # fmt: skip
    path = tmp_path / SET / "manifest.parquet"
    path.parent.mkdir()
    table.to_parquet(path)
    return path


def test_only_held_out_videos_are_evaluated(
    tmp_path: Path, manifest: Path, training_set: Any, settings_of: Settings,
    rollout_calls: list[RolloutCall],
) -> None:  # fmt: skip
    settings, out, policy = settings_of(holdout=4, max_steps=3), tmp_path / "run", tmp_path / "own"
    training_set.start(settings, out, manifest=manifest)
    export("grpo", settings, out, policy)
    record = read_provenance(policy)["trained_on"]
    trained = {video for call in rollout_calls for video in call.videos}
    assert len(trained) == record["videos"] == 2
    assert trained | set(record["held_out"]) == set(training_set.mos)
    assert not trained & set(record["held_out"])

    how = EvaluationParams.model_validate(
        {
            "batch_size": 3, "max_new_tokens": 4, "precision": "fp32", "score": "expected",
            "extra_scores": [], "sampling": {"answers": 2, "temperature": 1.0, "seed": 7},
        }
    )  # fmt: skip
    answer, numbers = AnswerParams.model_validate(AUTHORS), {}
    for name in (SET, "other"):
        predicted = tmp_path / f"{name}.parquet"
        about = {"run": "grpo", "benchmark": name, "out": predicted}
        predict(policy, [training_set.clips], how, answer, **about)
        numbers[name] = len(read_predictions(predicted).table)
    assert numbers == {SET: 4, "other": 6}

    intervals = IntervalsParams(resamples=100, seed=7, confidence=0.95)
    failures = {"broken.mp4": "cut short"}
    written = tmp_path / "metrics.json"
    found = write_metrics(
        manifest, tmp_path / f"{SET}.parquet", failures, written, intervals=intervals
    )
    assert (found["n"], found["n_damaged"], found["n_missing"]) == (4, 0, 0)
    recorded = json.loads(written.read_text(encoding="utf-8"))["provenance"]["held_out"]
    assert recorded == record["held_out"]


def test_a_holdout_that_leaves_too_few_videos_is_an_error(
    tmp_path: Path, training_set: Any, settings_of: Settings
) -> None:
    with pytest.raises(InputError, match=r"training\.holdout 5"):
        training_set.start(settings_of(holdout=5), tmp_path)
