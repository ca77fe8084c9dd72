"""Several optimiser steps on the same rollouts."""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from tests.training.conftest import RolloutCall, Settings, drop_checkpoints, same_weights

from vqathinker.training.trainer import VQAThinkerTrainer


@pytest.fixture
def losses(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, dict[str, Any]]]:
    """The step and the inputs of every device batch."""
    loss, calls = VQAThinkerTrainer._compute_loss, []

    def compute_loss(self: Any, model: Any, inputs: dict[str, Any]) -> Any:
        calls.append((self.state.global_step, inputs))
        return loss(self, model, inputs)

    monkeypatch.setattr(VQAThinkerTrainer, "_compute_loss", compute_loss)
    return calls


def test_each_batch_of_rollouts_is_used_in_all_iterations(
    tmp_path: Path,
    training_set: Any,
    settings_of: Settings,
    rollout_calls: list[RolloutCall],
    losses: Any,
) -> None:
    settings = settings_of(
        iterations=2, gradient_accumulation=2, videos_per_device=1, max_steps=8, epochs=2
    )
    training_set.start(settings, tmp_path)
    assert [batch for batch, _, _ in rollout_calls] == [0, 1, 2, 3]
    epoch = sorted(video for _, videos, _ in rollout_calls[:3] for video in videos)
    assert epoch == sorted(training_set.mos)  # three batches of two videos
    assert [step for step, _ in losses] == [step for step in range(8) for _ in range(2)]
    for first in range(0, len(losses), 4):
        once, again = losses[first : first + 2], losses[first + 2 : first + 4]
        for (_, inputs), (_, same) in zip(once, again, strict=True):
            assert torch.equal(inputs["completion_ids"], same["completion_ids"])
            assert inputs["old_per_token_logps"] is not None


def test_epsilon_matters_from_the_second_iteration(
    tmp_path: Path, training_set: Any, settings_of: Settings
) -> None:
    for iterations in (1, 2):
        for epsilon in (1e-4, 0.2):
            settings = settings_of(iterations=iterations, epsilon=epsilon, max_steps=2)
            training_set.start(settings, tmp_path / f"{iterations}-{epsilon}")
    assert same_weights(tmp_path / "1-0.0001", tmp_path / "1-0.2", 2)
    assert not same_weights(tmp_path / "2-0.0001", tmp_path / "2-0.2", 2)
    clipped = pd.read_csv(tmp_path / "2-0.0001" / "history.csv")["clip_ratio"]
    assert clipped[0] < 0.1 < clipped[1]


def test_columns_of_rollouts_are_empty_in_steps_without_rollouts(
    tmp_path: Path, training_set: Any, settings_of: Settings
) -> None:
    times = tmp_path / "times.csv"
    training_set.start(settings_of(iterations=2, max_steps=4), tmp_path, times=times)
    history = pd.read_csv(tmp_path / "history.csv")
    assert history["loss"].notna().all()
    for column in ("reward", "failures", "rewards/format", "length"):
        assert history[column].notna().tolist() == [True, False, True, False], column
    assert pd.read_csv(times)["seconds"].gt(0).all()


@pytest.mark.parametrize(("last", "accumulation"), [(1, 3), (2, 1)])
def test_run_killed_between_iterations_ends_with_the_same_bytes(
    tmp_path: Path,
    training_set: Any,
    settings_of: Settings,
    rollout_calls: list[RolloutCall],
    last: int,
    accumulation: int,
) -> None:
    settings = settings_of(
        iterations=3, max_steps=5, epochs=9, save_every=1,
        gradient_accumulation=accumulation, videos_per_device=2, freeze=[], keep_encoded=False,
    )  # fmt: skip
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    training_set.start(settings, whole)
    shutil.copytree(whole, killed)
    drop_checkpoints(killed, after=last)
    rollout_calls.clear()
    training_set.start(settings, killed)
    assert [batch for batch, _, _ in rollout_calls] == [0, 1][-(-last // 3) :]
    assert same_weights(whole, killed, 5)
    assert (whole / "history.csv").read_bytes() == (killed / "history.csv").read_bytes()
