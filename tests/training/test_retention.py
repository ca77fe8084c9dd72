"""The last checkpoints stay and the best by reward, and never goes the newest whole one."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from vqathinker.params import KeepParams
from vqathinker.training.checkpoints import UNFINISHED, finish_checkpoint, unlogged_file
from vqathinker.training.retention import mean_reward, prune_checkpoints

REWARDS = {2: [0.1, 0.3], 4: [0.9, 0.7], 6: [0.5, 0.5], 8: [0.2, 0.4]}  # by checkpoint


def add_checkpoint(folder: Path, step: int, rewards: list[float] | None = None) -> Path:
    part = folder / UNFINISHED
    part.mkdir(parents=True)
    rewards = REWARDS[step] if rewards is None else rewards
    (part / unlogged_file(0)).write_text(json.dumps({"rewards": rewards}))
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


def test_means_that_are_equal_but_for_rounding_are_equal_and_the_newer_is_kept(
    tmp_path: Path,
) -> None:
    for step, rewards in ((2, [0.3, 0.2, 0.1]), (4, [0.1, 0.2, 0.3]), (6, [0.0])):
        add_checkpoint(tmp_path, step, [reward + 1e-8 / step for reward in rewards])
    prune_checkpoints(tmp_path, KeepParams(last=1, best=1))
    assert steps(tmp_path) == [4, 6]


def test_supervised_fine_tuning_has_no_reward(tmp_path: Path) -> None:
    assert mean_reward(add_checkpoint(tmp_path, 2, [])) == float("-inf")


def test_a_damaged_one_counts_neither_as_last_nor_as_best(folder: Path) -> None:
    for step in (4, 8):
        (folder / f"checkpoint-{step}" / "model.safetensors").unlink()
    prune_checkpoints(folder, KeepParams(last=1, best=1))
    assert steps(folder) == [6]  # the newest whole one, and of the whole ones the best


@pytest.mark.parametrize("log_every", [1, 3])
def test_a_run_keeps_its_best_beside_its_last_however_often_it_logs(
    tmp_path: Path, training_set: Any, settings_of: Any, log_every: int
) -> None:
    often = settings_of(max_steps=4, save_every=2)
    training_set.start(often, tmp_path / "often")
    rewards = pd.read_csv(tmp_path / "often" / "history.csv")["reward"]
    keep = {"last": 1, "best": 1}
    rarely = settings_of(max_steps=4, save_every=2, log_every=log_every, keep=keep)
    training_set.start(rarely, tmp_path / "rarely")
    means = {2: rewards[:2].mean(), 4: rewards[2:].mean()}
    best = max(means, key=lambda step: (means[step], step))
    folder = tmp_path / "rarely" / "checkpoints"
    assert steps(folder) == sorted({best, 4})
    for step in steps(folder):
        found = mean_reward(folder / f"checkpoint-{step}")
        assert found == pytest.approx(means[step], abs=1e-6)
