"""A run that goes wrong or learns nothing stops with a reason; its last good checkpoint stays."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from trl import GRPOTrainer

from vqathinker.params import PatienceParams, RunSettings
from vqathinker.training import trainer
from vqathinker.training.rewards import RewardTable, compute_rewards
from vqathinker.training.run import TrainingError
from vqathinker.training.watch import Watch, measure

Settings = Callable[..., RunSettings]
NAN = float("nan")


def checkpoints(out: Path) -> list[str]:
    return sorted(path.name for path in (out / "checkpoints").glob("checkpoint-*"))


def spoil_loss(monkeypatch: pytest.MonkeyPatch, step: int, spoiled: Callable[..., Tensor]) -> None:
    """From `step` on the loss is spoiled(loss, a weight)."""
    whole = GRPOTrainer._compute_loss

    def compute(self: GRPOTrainer, model: Any, inputs: Any) -> Tensor:
        loss = whole(self, model, inputs)
        weight = next(w for w in model.parameters() if w.requires_grad)
        return spoiled(loss, weight) if self.state.global_step + 1 >= step else loss

    monkeypatch.setattr(GRPOTrainer, "_compute_loss", compute)


def spoil_rewards(
    monkeypatch: pytest.MonkeyPatch, spoiled: Callable[[RewardTable], RewardTable], after: int = 0
) -> None:
    """The rewards of all steps but the first `after` are spoiled(rewards)."""
    calls = []

    def compute(*args: Any, **kwargs: Any) -> RewardTable:
        calls.append(None)
        table = compute_rewards(*args, **kwargs)
        return spoiled(table) if len(calls) > after else table

    monkeypatch.setattr(trainer, "compute_rewards", compute)


@pytest.mark.parametrize(
    ("name", "spoiled"),
    [
        ("the loss is nan", lambda loss, _: loss * NAN),
        ("the loss is inf", lambda loss, _: loss + torch.inf),
        # a loss like any other, whose derivative is 0 times infinity
        ("the gradient norm is nan", lambda loss, weight: loss + (weight * 0).sum().sqrt()),
    ],
    ids=["loss nan", "loss inf", "gradient"],
)
def test_a_number_that_is_not_finite_stops_the_run_before_it_spoils_a_checkpoint(
    tmp_path: Path, training_set: Any, settings_of: Settings, monkeypatch: pytest.MonkeyPatch,
    name: str, spoiled: Any,
) -> None:  # fmt: skip
    spoil_loss(monkeypatch, 4, spoiled)
    with pytest.raises(TrainingError) as error:
        training_set.start(settings_of(max_steps=4), tmp_path)
    kept = tmp_path / "checkpoints" / "checkpoint-2"
    assert str(error.value).startswith(
        f"run grpo, step 4: {name}, expected a finite number; the last good checkpoint is {kept}: "
        "lower training.learning_rate"
    )
    assert checkpoints(tmp_path) == ["checkpoint-2"]
    assert not (tmp_path / "history.csv").exists()
    weights = load_file(kept / "model.safetensors")
    assert all(bool(value.isfinite().all()) for value in weights.values())


def test_a_reward_that_is_no_number_stops_the_run(
    tmp_path: Path, training_set: Any, settings_of: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_is_none(table: RewardTable) -> RewardTable:
        total = table.total.copy()
        total[1, 2] = NAN
        return replace(table, total=total)

    spoil_rewards(monkeypatch, one_is_none)
    with pytest.raises(TrainingError, match=r"step 1: a reward is nan"):
        training_set.start(settings_of(), tmp_path)


def test_weights_that_the_optimiser_spoils_are_not_written(
    tmp_path: Path, training_set: Any, settings_of: Settings
) -> None:
    with pytest.raises(TrainingError, match=r"step 1: the largest weight is (inf|nan)"):
        training_set.start(settings_of(learning_rate=1e39, save_every=1), tmp_path)
    assert checkpoints(tmp_path) == []


def equal_rewards(table: RewardTable) -> RewardTable:
    flat = np.zeros_like(table.total)
    return replace(table, rewards=dict.fromkeys(table.rewards, flat), total=flat)


def test_steps_without_spread_are_counted_over_an_interruption(
    tmp_path: Path, training_set: Any, settings_of: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(max_steps=6, patience={"no_spread": 3, "no_answer": None})
    spoil_rewards(monkeypatch, equal_rewards, after=1)
    reason = r"step 4: the rollouts of every group have equal rewards.*for 3 steps in a row"
    with pytest.raises(TrainingError, match=reason):
        training_set.start(settings, tmp_path)
    assert checkpoints(tmp_path) == ["checkpoint-2"]
    # Step 2 is behind the checkpoint, so steps 3 and 4 make three of them.
    spoil_rewards(monkeypatch, equal_rewards)
    with pytest.raises(TrainingError, match=reason):
        training_set.start(settings, tmp_path)


def test_more_patience_goes_on_from_the_checkpoint(
    tmp_path: Path, training_set: Any, settings_of: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = {"max_steps": 4, "answer": {"reading": "strict", "range": [0, 5]}}
    strict = settings_of(patience={"no_spread": None, "no_answer": 3}, **how)
    with pytest.raises(TrainingError, match="step 3: "):
        training_set.start(strict, tmp_path)
    seen: list[int] = []
    sample = trainer.RolloutSampler.sample

    def watched(self: Any, policy: Any, videos: Any, step: int, rng: Any) -> Any:
        seen.append(step)
        return sample(self, policy, videos, step, rng)

    monkeypatch.setattr(trainer.RolloutSampler, "sample", watched)
    training_set.start(
        settings_of(patience={"no_spread": None, "no_answer": None}, **how), tmp_path
    )
    assert seen == [2, 3]
    assert checkpoints(tmp_path) == ["checkpoint-2", "checkpoint-4"]


def test_one_good_step_begins_the_count_again(tmp_path: Path) -> None:
    watch = Watch("grpo", tmp_path, PatienceParams(no_spread=2, no_answer=None))
    for step, spread in enumerate([False, True, False, True], start=1):
        watch.count(step, spread=spread, answer=False)
    watch.count(5, spread=False, answer=False)
    with pytest.raises(TrainingError, match=r"training\.patience\.no_spread"):
        watch.count(6, spread=False, answer=False)


NAN = float("nan")


def table(
    scores: list[list[float]], total: list[list[float]], perturbed: Counter | None = None
) -> RewardTable:
    failed = int(np.isnan(scores).sum())
    statuses = Counter({"ok": np.size(scores) - failed, "no_answer": failed})
    return RewardTable({}, np.array(total), np.array(scores), statuses, perturbed or Counter())


def test_spread_is_that_within_groups() -> None:
    found = measure(table([[1, 3], [2, 2]], [[0, 2], [5, 5]]), [1.0, 2.0])
    assert found["spread/reward"] == pytest.approx(np.sqrt(2) / 2)
    assert found["spread/score"] == pytest.approx(np.sqrt(2) / 2)


def test_failures_are_shares_and_no_scores() -> None:
    perturbed = Counter({"ok": 1, "cut_off": 2, "no_answer": 1})
    found = measure(table([[1, NAN], [2, 4]], [[0, 1], [0, 1]], perturbed), [2.0, 2.0])
    assert found["failures/no_answer"] == 0.25
    assert found["failures/cut_off"] == 0
    assert found["failures_perturbed"] == 0.75
    assert found["spread/score"] == pytest.approx(np.sqrt(2))  # of the second group alone
    assert found["score_error"] == pytest.approx((-1 + 0 + 2) / 3)


def test_correlation_is_of_the_groups_means_with_their_mos() -> None:
    scores = [[1.0, 2.0], [3.0, NAN], [NAN, NAN], [2.5, 2.5]]
    found = measure(table(scores, scores), [1.0, 3.0, 9.0, 2.0])
    assert found["srcc"] == pytest.approx(1.0)


def test_equal_means_of_groups_are_ties_whatever_they_are_means_of() -> None:
    scores = [[2.9, 3.3, 3.4], [3.2, 3.2, 3.2], [3.1, 3.1, 3.4], [0.5, 0.5, 0.5]]
    same_rank = [[3.2] * 3] * 3 + [[0.5] * 3]
    mos = [1.0, 2.0, 3.0, 0.0]
    found = [measure(table(said, said), mos)["srcc"] for said in (scores, same_rank)]
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
def test_where_nothing_can_correlate_there_is_no_correlation(
    scores: list[list[float]], mos: list[float]
) -> None:
    assert "srcc" not in measure(table(scores, scores), mos)
