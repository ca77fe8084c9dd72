"""history.csv, TensorBoard, and numbers that are not finite."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from trl import GRPOTrainer

from vqathinker.errors import InputError
from vqathinker.params import RunSettings
from vqathinker.training.history import batch_metrics
from vqathinker.training.rewards import RewardTable

Settings = Callable[..., RunSettings]
NAN = float("nan")


def test_history_has_deviations_lengths_clipping_and_errors(
    tmp_path: Path, training_set: Any, settings_of: Settings
) -> None:
    training_set.start(settings_of(), tmp_path)
    table = pd.read_csv(tmp_path / "history.csv")
    shares = ["failures", "failures_perturbed", "truncated", "frac_reward_zero_std", "clip_ratio"]
    assert table[shares].apply(lambda column: column.between(0, 1)).all(axis=None)
    assert (table["length"] <= table["max_length"]).all()
    assert table["max_length"].max() <= 6  # training.max_new_tokens
    assert (table["group_std/reward"] > 0).all()
    assert table[["group_std/score", "score_error"]].notna().any().all()
    assert table["srcc"].isna().all()  # a step has two videos


def test_tensorboard_has_every_step(
    tmp_path: Path, training_set: Any, settings_of: Settings
) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    training_set.start(settings_of(max_steps=2, tensorboard=True), tmp_path)
    training_set.start(settings_of(max_steps=3, tensorboard=True), tmp_path)
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    rewards = {event.step: event.value for event in events.Scalars("train/reward")}
    table = pd.read_csv(tmp_path / "history.csv")
    assert rewards == pytest.approx(dict(zip(table["step"], table["reward"], strict=True)))
    assert [event.step for event in events.Scalars("train/reward")] == [1, 2, 3]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("the loss is nan", lambda loss, _: loss * NAN),
        # a finite loss, whose derivative is 0 times infinity
        ("the gradient norm is nan", lambda loss, weight: loss + (weight * 0).sum().sqrt()),
    ],
    ids=["loss", "gradient"],
)
def test_non_finite_number_stops_the_run_before_the_checkpoint(
    tmp_path: Path, training_set: Any, settings_of: Settings, monkeypatch: pytest.MonkeyPatch,
    name: str, change: Any,
) -> None:  # fmt: skip
    whole = GRPOTrainer._compute_loss

    def compute(self: GRPOTrainer, model: Any, inputs: Any) -> torch.Tensor:
        loss = whole(self, model, inputs)
        weight = next(w for w in model.parameters() if w.requires_grad)
        return change(loss, weight) if self.state.global_step == 3 else loss

    monkeypatch.setattr(GRPOTrainer, "_compute_loss", compute)
    with pytest.raises(InputError, match=f"run grpo, step 4: {name}.*checkpoint-2"):
        training_set.start(settings_of(max_steps=4), tmp_path)
    kept = [path.name for path in (tmp_path / "checkpoints").glob("checkpoint-*")]
    assert kept == ["checkpoint-2"]


def table(
    scores: list[list[float]], total: list[list[float]], perturbed: Counter[str] | None = None
) -> RewardTable:
    failed = int(np.isnan(scores).sum())
    statuses = Counter({"ok": np.size(scores) - failed, "no_answer": failed})
    return RewardTable({}, np.array(total), np.array(scores), statuses, perturbed or Counter())


def test_failures_are_shares_without_scores() -> None:
    perturbed = Counter({"ok": 1, "truncated": 2, "no_answer": 1})
    found = batch_metrics(table([[1, NAN], [2, 4]], [[0, 1], [0, 1]], perturbed), [2.0, 2.0])
    assert found["failures/no_answer"] == 0.25
    assert found["failures/truncated"] == 0
    assert found["failures_perturbed"] == 0.75
    assert found["group_std/score"] == pytest.approx(np.sqrt(2))  # of the second group only
    assert found["score_error"] == pytest.approx((-1 + 0 + 2) / 3)


def test_equal_group_means_are_ties() -> None:
    scores = [[2.9, 3.3, 3.4], [3.2, 3.2, 3.2], [3.1, 3.1, 3.4], [0.5, 0.5, 0.5]]
    same_rank = [[3.2] * 3] * 3 + [[0.5] * 3]
    mos = [1.0, 2.0, 3.0, 0.0]
    found = [
        batch_metrics(table(group_scores, group_scores), mos)["srcc"]
        for group_scores in (scores, same_rank)
    ]
    assert found[0] == pytest.approx(found[1])


@pytest.mark.parametrize(
    ("scores", "mos"),
    [
        ([[2.9, 3.3, 3.4], [3.2, 3.2, 3.2], [3.1, 3.1, 3.4]], [1.0, 2.0, 3.0]),
        ([[2.0, 2.0]] * 3, [1.0, 2.0, 3.0]),
        ([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]], [2.0] * 3),
        ([[1.0, 1.0], [2.0, 2.0], [NAN, NAN]], [1.0, 2.0, 3.0]),
    ],
    ids=["equal means", "equal scores", "equal MOS", "two videos"],
)
def test_constant_values_have_no_correlation(scores: list[list[float]], mos: list[float]) -> None:
    assert "srcc" not in batch_metrics(table(scores, scores), mos)
