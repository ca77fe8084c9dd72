"""A run goes on from its last whole checkpoint, is trained by one process, and can take a step."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock
from safetensors.torch import load_file

from vqathinker.params import RunSettings
from vqathinker.training import resumable
from vqathinker.training.checkpoints import mean_reward
from vqathinker.training.rollouts import Rollouts, RolloutSampler
from vqathinker.training.run import TrainingError

Settings = Callable[..., RunSettings]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The steps that were rolled out."""
    sample, seen = RolloutSampler.sample, []

    def watched(self: RolloutSampler, policy: Any, videos: Any, step: int, rng: Any) -> Rollouts:
        seen.append(step)
        return sample(self, policy, videos, step, rng)

    monkeypatch.setattr(RolloutSampler, "sample", watched)
    return seen


@pytest.fixture
def rolled(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The videos of every step."""
    sample, seen = RolloutSampler.sample, []

    def watched(self: RolloutSampler, policy: Any, videos: Any, step: int, rng: Any) -> Rollouts:
        seen.append(list(videos))
        return sample(self, policy, videos, step, rng)

    monkeypatch.setattr(RolloutSampler, "sample", watched)
    return seen


def weights_after(out: Path, step: int) -> dict[str, torch.Tensor]:
    return load_file(out / "checkpoints" / f"checkpoint-{step}" / "model.safetensors")


@pytest.mark.parametrize("lost", ["trainer_state.json", "optimizer.pt", "model.safetensors"])
def test_a_damaged_last_checkpoint_costs_the_steps_since_the_one_before(
    tmp_path: Path, training_set: Any, settings_of: Settings, steps: list[int], lost: str
) -> None:
    training_set.start(settings_of(max_steps=4), tmp_path)
    before = weights_after(tmp_path, 4)
    (tmp_path / "checkpoints" / "checkpoint-4" / lost).unlink()
    steps.clear()
    training_set.start(settings_of(max_steps=4), tmp_path)
    assert steps == [2, 3]
    after = weights_after(tmp_path, 4)
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_a_run_that_goes_on_in_a_later_epoch_meets_the_videos_of_that_one(
    tmp_path: Path, training_set: Any, settings_of: Settings, rolled: list[list[str]]
) -> None:
    settings = settings_of(max_steps=7, save_every=1)  # three steps make an epoch
    training_set.start(settings, tmp_path)
    before, weights = rolled.copy(), weights_after(tmp_path, 7)
    epochs = [sorted(video for step in before[i : i + 3] for video in step) for i in (0, 3)]
    assert epochs == [sorted(training_set.mos)] * 2
    assert before[:3] != before[3:6]
    shutil.rmtree(tmp_path / "checkpoints" / "checkpoint-7")
    rolled.clear()
    training_set.start(settings, tmp_path)
    assert rolled == before[6:]
    after = weights_after(tmp_path, 7)
    assert all(torch.equal(after[name], value) for name, value in weights.items())


def test_a_run_that_ends_while_it_writes_a_checkpoint_leaves_none_under_the_name(
    tmp_path: Path, training_set: Any, settings_of: Settings, steps: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    finish = resumable.finish_checkpoint

    def interrupted(part: Path, final: Path, provenance: Any) -> None:
        if final.name == "checkpoint-4":
            raise KeyboardInterrupt
        finish(part, final, provenance)

    monkeypatch.setattr(resumable, "finish_checkpoint", interrupted)
    with pytest.raises(KeyboardInterrupt):
        training_set.start(settings_of(max_steps=4), tmp_path)
    assert [path.name for path in (tmp_path / "checkpoints").glob("checkpoint-*")] == [
        "checkpoint-2"
    ]
    monkeypatch.setattr(resumable, "finish_checkpoint", finish)
    steps.clear()
    training_set.start(settings_of(max_steps=4), tmp_path)
    assert steps == [2, 3]


@pytest.mark.parametrize(
    ("method", "save_every", "log_every", "kills"),
    [
        ("grpo", 2, 3, [2, 4]),
        ("grpo", 3, 2, [3]),
        ("sft", 1, 4, [1, 2, 5]),
    ],
)
def test_history_and_best_checkpoint_after_kills_between_two_rows_are_those_of_a_whole_run(
    tmp_path: Path, training_set: Any, settings_of: Settings, monkeypatch: pytest.MonkeyPatch,
    method: str, save_every: int, log_every: int, kills: list[int],
) -> None:  # fmt: skip
    keep = {"last": 9, "best": 0}
    settings = settings_of(
        method=method, max_steps=8, save_every=save_every, log_every=log_every, keep=keep
    )
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    training_set.start(settings, whole)
    finish = resumable.finish_checkpoint
    left = list(kills)

    def killed_behind(part: Path, final: Path, provenance: Any) -> None:
        finish(part, final, provenance)
        if left and final.name == f"checkpoint-{left[0]}":
            left.pop(0)
            raise KeyboardInterrupt

    monkeypatch.setattr(resumable, "finish_checkpoint", killed_behind)
    for _ in kills:
        with pytest.raises(KeyboardInterrupt):
            training_set.start(settings, cut)
    training_set.start(settings, cut)
    assert left == []
    history = (whole / "history.csv").read_text(encoding="utf-8")
    assert len(history.splitlines()) == 1 + 8 // log_every
    assert (cut / "history.csv").read_text(encoding="utf-8") == history
    rewards = [
        {path.name: mean_reward(path) for path in out.glob("checkpoints/checkpoint-*")}
        for out in (whole, cut)
    ]
    assert rewards[0] == rewards[1]
    assert len(rewards[0]) == -(-8 // save_every)


def test_fewer_videos_than_a_step_needs_are_told_before_training(
    tmp_path: Path, training_set: Any, settings_of: Settings
) -> None:
    with pytest.raises(TrainingError) as error:
        training_set.start(settings_of(videos_per_device=4, gradient_accumulation=2), tmp_path)
    told = str(error.value)
    assert "manifest.parquet" in told
    assert "training.videos_per_device 4 x training.gradient_accumulation 2" in told
    assert not (tmp_path / "checkpoints").exists()


def test_a_run_that_another_process_trains_is_left_alone(
    tmp_path: Path, training_set: Any, settings_of: Settings, steps: list[int]
) -> None:
    with FileLock(tmp_path / ".lock"), pytest.raises(TrainingError):
        training_set.start(settings_of(), tmp_path)
    assert steps == []
