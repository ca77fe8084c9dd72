"""The history and the times of a run; its progress bar and TensorBoard events while it runs.

The history is the same for two equal runs, the times are not.
"""

import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm
from transformers import TrainerCallback
from transformers.integrations import TensorBoardCallback

from vqathinker.policy.answer import FAILURES
from vqathinker.training.checkpoints import TrainingError
from vqathinker.training.rewards import REWARDS

Log = Sequence[Mapping[str, Any]]

_NAMES = {
    "completions/mean_length": "length",
    "completions/max_length": "longest",
    "completions/clipped_ratio": "cut_off",
    "clip_ratio/region_mean": "clipped",
    "clip_ratio/low_mean": "clipped/low",
    "clip_ratio/high_mean": "clipped/high",
}
_STATUSES = [f"failures/{status}" for status in FAILURES]


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
    """A row for each logged step; docs/training.md explains the columns.

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
    """A row for each logged step: seconds of a step by the clock, in all and by phase.

    `tokens_per_second` counts prompts and rollouts; `memory_mb` is the peak since the run began.
    """
    steps = _steps(log)
    phases = sorted(name for name in steps if name.startswith("seconds/"))
    measured = steps.get("step_time", steps["seconds/gradient"])  # SFT has no other phase
    seconds = measured + steps.get("seconds/optimiser", 0.0)  # TRL leaves it out
    passed = steps["step"].diff().fillna(steps["step"])
    counted = steps["num_tokens"].ffill()  # an inner iteration makes no new ones
    tokens = counted.diff().fillna(counted)
    times = pd.DataFrame({"step": steps["step"], "seconds": seconds, **steps[phases]})
    return times.assign(tokens_per_second=tokens / passed / seconds, memory_mb=steps["memory_mb"])


def _steps(log: Log) -> pd.DataFrame:
    return pd.DataFrame([entry for entry in log if "loss" in entry])


class ProgressBar(TrainerCallback):
    """A bar with the rewards, or the loss if there are none; silent outside a terminal."""

    def __init__(self, run: str, videos_per_step: int, processes: int) -> None:
        self.run, self.videos_per_step, self.processes = run, videos_per_step, processes
        self.bar = tqdm(desc=run, disable=None)

    def on_train_begin(self, _: Any, state: Any, __: Any, model: Any, **___: Any) -> None:
        """Print steps, videos of a step and trained weights, also to a log."""
        trained = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
        line = (
            f"run {self.run}: {state.max_steps:,} steps of {self.videos_per_step} videos on "
            f"{self.processes} processes, {trained / 1e6:,.1f} million weights trained"
        )
        tqdm.write(line, file=sys.stderr)

    def on_log(self, _: Any, state: Any, *__: Any, logs: dict[str, Any], **___: Any) -> None:
        """Move on to the logged step."""
        self.bar.total = state.max_steps
        self.bar.update(state.global_step - self.bar.n)
        names = {"loss": "loss"}
        if "reward" in logs:
            names = {name: f"rewards/{name}/mean" for name in REWARDS}
        shown = {name: logs[key] for name, key in names.items() if key in logs}
        self.bar.set_postfix({name: f"{value:.2f}" for name, value in shown.items()})


def require_tensorboard() -> None:
    """Check that the package is installed.

    Raises:
        TrainingError: it is not.
    """
    if find_spec("tensorboard") is None:
        raise TrainingError(
            "training.tensorboard is true, but the package tensorboard is not installed; run "
            '`pip install "vqathinker[tensorboard]"`, or set training.tensorboard to false'
        )


def tensorboard_callback(folder: Path, steps: int) -> Any:
    """Write every log row to `folder`; TensorBoard hides earlier events after step `steps`.

    Those are of steps that a resumed run repeats.
    """
    from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415  an optional package

    return TensorBoardCallback(SummaryWriter(str(folder), purge_step=steps + 1))
