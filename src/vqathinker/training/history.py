"""Metrics of a batch of rollouts, history.csv, times of steps, and the progress bar.

Two equal runs have the same history.csv. Times differ, so they go to a file of their own.
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
_TRL_NAMES = {
    "completions/mean_length": "length",
    "completions/max_length": "max_length",
    "completions/clipped_ratio": "truncated",
    "clip_ratio/region_mean": "clip_ratio",
    "clip_ratio/low_mean": "clip_ratio/low",
    "clip_ratio/high_mean": "clip_ratio/high",
}
_STATUSES = [f"failures/{status}" for status in FAILURES]


def batch_metrics(table: RewardTable, mos: Sequence[float]) -> dict[str, float]:
    """Metrics of a batch by column of history.csv; those that the batch does not have are missing.

    `mos` (videos,) is on the training scale. `failures/<status>` are shares of the rollouts,
    `failures_perturbed` is the share of failures among perturbed rollouts. `group_std/reward` and
    `group_std/score` are standard deviations (n - 1) within a group, averaged over groups, of the
    total reward and of the readable scores. `score_error` is the mean of score - MOS, `srcc`
    Spearman's correlation of the groups' mean scores with the MOS.
    """
    rollouts, perturbed = max(1, table.statuses.total()), table.perturbed_statuses.total()
    metrics = {f"failures/{status}": table.statuses[status] / rollouts for status in FAILURES}
    if perturbed:
        failures = sum(table.perturbed_statuses[status] for status in FAILURES)
        metrics["failures_perturbed"] = failures / perturbed
    metrics["group_std/reward"] = float(table.total.std(axis=1, ddof=1).mean())
    scored = [(group[~np.isnan(group)], q) for group, q in zip(table.scores, mos, strict=True)]
    if deviations := [scores.std(ddof=1) for scores, _ in scored if len(scores) > 1]:
        metrics["group_std/score"] = float(np.mean(deviations))
    if errors := [scores - q for scores, q in scored if len(scores)]:
        metrics["score_error"] = float(np.concatenate(errors).mean())
    means = [(round(float(scores.mean()), _DECIMALS), q) for scores, q in scored if len(scores)]
    pairs = np.array(means).reshape(-1, 2)  # (videos with a score, 2)
    if len(pairs) > 2 and (np.ptp(pairs, axis=0) > 0).all():
        metrics["srcc"] = float(spearmanr(*pairs.T).statistic)
    return metrics


def history_columns() -> list[str]:
    """Columns of history.csv; those of the rewards are in the order of `REWARDS`."""
    return [
        *["step", "reward", *(f"rewards/{name}" for name in REWARDS), "kl", "entropy"],
        *["failures", *_STATUSES, "truncated", "length", "loss", "grad_norm", "learning_rate"],
        *["reward_std", "frac_reward_zero_std", "group_std/reward", "group_std/score"],
        *["failures_perturbed", "max_length", "clip_ratio", "clip_ratio/low", "clip_ratio/high"],
        *["score_error", "srcc"],
    ]


def history_table(log: Log) -> pd.DataFrame:
    """One row per step; docs/training.md explains the columns.

    Metrics that a batch does not have are empty, such as a correlation of equal scores. A step
    without rollouts has no metrics of rollouts: in supervised fine-tuning, and in all inner
    iterations but the first.
    """
    rewards = {f"rewards/{name}/mean": f"rewards/{name}" for name in REWARDS}
    steps = _steps(log).rename(columns=_TRL_NAMES | rewards)
    if "reward" in steps:
        if "kl" not in steps:
            steps["kl"] = 0.0  # TRL computes none with beta 0
        steps["failures"] = steps[_STATUSES].sum(axis=1, min_count=1)
    return steps.reindex(columns=history_columns())


def times_table(log: Log) -> pd.DataFrame:
    """One row per step: `seconds`, `memory_mb` and `tokens_per_second`.

    Tokens are those of prompts and completions. Memory is the peak since the run started.
    """
    steps = _steps(log)
    total = steps["num_tokens"].ffill()  # later inner iterations generate no tokens
    rate = total.diff().fillna(total) / steps["seconds"]
    return steps[["step", "seconds", "memory_mb"]].assign(tokens_per_second=rate)


def _steps(log: Log) -> pd.DataFrame:
    return pd.DataFrame([entry for entry in log if "loss" in entry])


class ProgressBar(TrainerCallback):
    """Progress bar with loss and rewards; silent if the output is not a terminal."""

    def __init__(self, run: str) -> None:
        self.bar = tqdm(desc=run, disable=None)

    def on_log(self, _: Any, state: Any, *__: Any, logs: dict[str, Any], **___: Any) -> None:
        """Advance to the current step."""
        self.bar.total = state.max_steps
        self.bar.update(state.global_step - self.bar.n)
        names = {"loss": "loss"} | {name: f"rewards/{name}/mean" for name in REWARDS}
        self.bar.set_postfix(
            {name: f"{logs[key]:.2f}" for name, key in names.items() if key in logs}
        )
