"""The last checkpoints stay and the best by reward, and never goes the newest whole one."""

import json
from pathlib import Path
from typing import Any

import pytest

from vqathinker.params import KeepParams
from vqathinker.training.checkpoints import UNFINISHED, finish_checkpoint
from vqathinker.training.retention import mean_reward, prune_checkpoints

REWARDS = [0.1, 0.3, 0.9, 0.7, 0.5, 0.5, 0.2, 0.4]  # of steps 1 to 8; a checkpoint every 2


def add_checkpoint(folder: Path, step: int, rewards: list[float] = REWARDS) -> Path:
    part = folder / UNFINISHED
    part.mkdir(parents=True)
    log: list[dict[str, Any]] = [
        {"step": number, "reward": reward} for number, reward in enumerate(rewards[:step], start=1)
    ]
    log.append({"step": step, "train_runtime": 1.0})
    state = {"global_step": step, "save_steps": 2, "log_history": log}
    (part / "trainer_state.json").write_text(json.dumps(state))
    (part / "model.safetensors").write_bytes(bytes(10))
    finish_checkpoint(part, folder / f"checkpoint-{step}", {})
    return folder / f"checkpoint-{step}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Checkpoints of mean reward 0.2, 0.8, 0.5 and 0.3."""
    for step in (2, 4, 6, 8):
        add_checkpoint(tmp_path, step)
    return tmp_path


def steps(folder: Path) -> list[int]:
    return sorted(int(path.name.rpartition("-")[2]) for path in folder.glob("checkpoint-*"))


@pytest.mark.parametrize(
    ("last", "best", "kept"),
    [
        (1, 0, [8]),
        (2, 0, [6, 8]),
        (1, 1, [4, 8]),
        (2, 1, [4, 6, 8]),
        (1, 2, [4, 6, 8]),
        (9, 0, [2, 4, 6, 8]),
    ],
)
def test_the_last_and_the_best_are_kept(
    folder: Path, last: int, best: int, kept: list[int]
) -> None:
    prune_checkpoints(folder, KeepParams(last=last, best=best))
    assert steps(folder) == kept


def test_reward_is_that_of_the_steps_since_the_checkpoint_before(tmp_path: Path) -> None:
    assert mean_reward(add_checkpoint(tmp_path, 4)) == pytest.approx(0.8)
    assert mean_reward(add_checkpoint(tmp_path, 5)) == pytest.approx(0.5)  # a last, odd step
    unlogged = add_checkpoint(tmp_path, 6, rewards=[0.1])
    assert mean_reward(unlogged) == float("-inf")


def test_a_damaged_one_counts_neither_as_last_nor_as_best(folder: Path) -> None:
    for step in (4, 8):
        (folder / f"checkpoint-{step}" / "model.safetensors").unlink()
    prune_checkpoints(folder, KeepParams(last=1, best=1))
    assert steps(folder) == [6]  # the newest whole one, and of the whole ones the best


def test_a_run_keeps_its_best_beside_its_last(
    tmp_path: Path, training_set: Any, settings_of: Any
) -> None:
    keep = {"last": 1, "best": 1}
    training_set.start(settings_of(max_steps=3, save_every=1, keep=keep), tmp_path)
    state = json.loads((tmp_path / "checkpoints/checkpoint-3/trainer_state.json").read_text())
    rewards = {row["step"]: row["reward"] for row in state["log_history"] if "reward" in row}
    best = max(rewards, key=lambda step: (rewards[step], step))
    assert steps(tmp_path / "checkpoints") == sorted({best, 3})
