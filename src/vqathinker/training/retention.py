"""Which checkpoints of a run are kept: the last ones, and the best by reward.

Only whole ones count, so the newest that training can go on from is always among them.
"""

import json
import math
import shutil
from pathlib import Path
from statistics import fmean
from typing import Any

from transformers import TrainerCallback

from vqathinker.params import KeepParams
from vqathinker.training.checkpoints import step_of, unlogged_file, whole_checkpoints

__all__ = ["KeepCheckpoints", "mean_reward", "prune_checkpoints"]


class KeepCheckpoints(TrainerCallback):
    """After a checkpoint is written, removes those in `folder` that the rule does not keep."""

    def __init__(self, folder: Path, keep: KeepParams) -> None:
        self._folder, self._keep = folder, keep

    def on_save(self, _: Any, state: Any, *__: Any, **___: Any) -> None:
        """The newest is whole and has its name."""
        if state.is_world_process_zero:
            prune_checkpoints(self._folder, self._keep)


def prune_checkpoints(folder: Path, keep: KeepParams) -> None:
    """Remove from `folder` all checkpoints but the last `keep.last` and the best `keep.best`."""
    whole = whole_checkpoints(folder)
    by_reward = sorted(whole, key=lambda path: (mean_reward(path), step_of(path)), reverse=True)
    kept = {*whole[-keep.last :], *by_reward[: keep.best]}
    for path in folder.glob("checkpoint-*"):
        if path not in kept:
            shutil.rmtree(path)


def mean_reward(checkpoint: Path) -> float:
    """Mean reward of the steps since the checkpoint before, logged or not; -inf without rewards.

    Rounded to six decimals: rewards are float32, so equal means may differ in the seventh.
    """
    unlogged = json.loads((checkpoint / unlogged_file(0)).read_text(encoding="utf-8"))
    rewards = unlogged["rewards"]
    return round(fmean(rewards), 6) if rewards else -math.inf
