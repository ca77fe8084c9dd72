"""The history of a run: what a batch of rollouts shows, history.csv, times, progress bar.

The history is the same for two equal runs, the times are not.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from tqdm import tqdm
from transformers import TrainerCallback

from vqathinker.policy.answer import FAILURES
from vqathinker.training.rewards import REWARDS, RewardTable

Log = Sequence[Mapping[str, Any]]

_DECIMALS = 9  # of means that are ranked: equal ones may differ in the last bit
_NAMES = {  # of TRL's log
    "completions/mean_length": "length",
    "completions/max_length": "longest",
    "completions/clipped_ratio": "cut_off",
    "clip_ratio/region_mean": "clipped",
    "clip_ratio/low_mean": "clipped/low",
    "clip_ratio/high_mean": "clipped/high",
}
_STATUSES = [f"failures/{status}" for status in FAILURES]


def measure(table: RewardTable, mos: Sequence[float]) -> dict[str, float]:
    """Numbers of a batch by the name of their column; one that the batch does not have is missing.

    `mos` (videos,) on the training scale. `failures/<status>` are shares of the rollouts,
    `failures_perturbed` of those on perturbed copies, all statuses together. `spread/reward` and
    `spread/score` are the mean over groups of the unbiased standard deviation within a group, of
    the total reward and of the readable scores. `score_error` is the mean of score - MOS, `srcc`
    Spearman's correlation of the groups' mean scores with the MOS.
    """
    rollouts, copies = max(1, table.statuses.total()), table.perturbed_statuses.total()
    found = {f"failures/{status}": table.statuses[status] / rollouts for status in FAILURES}
    if copies:
        failed = sum(table.perturbed_statuses[status] for status in FAILURES)
        found["failures_perturbed"] = failed / copies
    found["spread/reward"] = float(table.total.std(axis=1, ddof=1).mean())
    scored = [(group[~np.isnan(group)], q) for group, q in zip(table.scores, mos, strict=True)]
    if spreads := [scores.std(ddof=1) for scores, _ in scored if len(scores) > 1]:
        found["spread/score"] = float(np.mean(spreads))
    if errors := [scores - q for scores, q in scored if len(scores)]:
        found["score_error"] = float(np.concatenate(errors).mean())
    means = [(round(float(scores.mean()), _DECIMALS), q) for scores, q in scored if len(scores)]
    pairs = np.array(means).reshape(-1, 2)
    if len(pairs) > 2 and (np.ptp(pairs, axis=0) > 0).all():
        found["srcc"] = float(spearmanr(*pairs.T).statistic)
    return found


def columns() -> list[str]:
    """Columns of history.csv, those of the rewards in the order of `REWARDS`."""
    return [
        *["step", "reward", *(f"rewards/{name}" for name in REWARDS), "kl", "entropy"],
        *["failures", *_STATUSES, "cut_off", "length", "loss", "grad_norm", "learning_rate"],
        *["reward_std", "frac_reward_zero_std", "spread/reward", "spread/score"],
        *["failures_perturbed", "longest", "clipped", "clipped/low", "clipped/high"],
        *["score_error", "srcc"],
    ]


def history_table(log: Log) -> pd.DataFrame:
    """A row for each step; docs/training.md explains the columns.

    A number that a batch does not have is empty, such as a correlation where all scores are equal.
    So is every column on rollouts where a step made none: in supervised fine-tuning, and in all but
    the first iteration on a batch.
    """
    means = {f"rewards/{name}/mean": f"rewards/{name}" for name in REWARDS}
    steps = _steps(log).rename(columns=_NAMES | means)
    if "reward" in steps:
        if "kl" not in steps:
            steps["kl"] = 0.0  # beta 0: no reference, nothing to diverge from
        steps["failures"] = steps[_STATUSES].sum(axis=1, min_count=1)
    return steps.reindex(columns=columns())


def times_table(log: Log) -> pd.DataFrame:
    """A row for each step: `seconds`, `tokens_per_second` and `memory_mb`.

    Tokens are those of prompts and completions; memory is the peak since the run began.
    """
    steps = _steps(log)
    total = steps["num_tokens"].ffill()  # an inner iteration makes no new ones
    rate = total.diff().fillna(total) / steps["seconds"]
    return steps[["step", "seconds", "memory_mb"]].assign(tokens_per_second=rate)


def _steps(log: Log) -> pd.DataFrame:
    return pd.DataFrame([entry for entry in log if "loss" in entry])


class ProgressBar(TrainerCallback):
    """A bar with the rewards, or the loss if there are none; silent outside a terminal."""

    def __init__(self, run: str) -> None:
        self.bar = tqdm(desc=run, disable=None)

    def on_log(self, _: Any, state: Any, *__: Any, logs: dict[str, Any], **___: Any) -> None:
        """Advance to the step."""
        self.bar.total = state.max_steps
        self.bar.update(state.global_step - self.bar.n)
        names = {"loss": "loss"} | {name: f"rewards/{name}/mean" for name in REWARDS}
        shown = {name: f"{logs[key]:.2f}" for name, key in names.items() if key in logs}
        self.bar.set_postfix(shown)
