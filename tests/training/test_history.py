"""What a run leaves to read: columns that equal runs share, times that they do not, event files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from vqathinker.params import RunSettings
from vqathinker.training import history
from vqathinker.training.run import TrainingError

Settings = Callable[..., RunSettings]


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory, training_set: Any, settings_of: Settings
) -> Path:
    """The folder of a run of three steps with its times, to be read only."""
    out = tmp_path_factory.mktemp("run")
    training_set.start(settings_of(), out, times=out / "times.csv")
    return out


def test_a_history_tells_spread_lengths_clipping_and_errors_of_every_step(finished: Path) -> None:
    table = pd.read_csv(finished / "history.csv")
    shares = ["failures", "failures_perturbed", "cut_off", "frac_reward_zero_std", "clipped"]
    assert table[shares].apply(lambda column: column.between(0, 1)).all(axis=None)
    assert (table["length"] <= table["longest"]).all()
    assert table["longest"].max() <= 6  # training.max_new_tokens
    assert (table["spread/reward"] > 0).all()
    assert table[["spread/score", "score_error"]].notna().any().all()
    assert table["srcc"].isna().all()  # two videos a step


def test_phases_account_for_all_seconds_of_a_step(finished: Path) -> None:
    times = pd.read_csv(finished / "times.csv")
    phases = [name for name in times if name.startswith("seconds/")]
    assert set(phases) == {
        "seconds/rollout", "seconds/rewards", "seconds/reference", "seconds/gradient",
        "seconds/optimiser",
    }  # fmt: skip
    assert (times[phases] > 0).all(axis=None)
    rounded = 1e-3
    assert (times[phases].sum(axis=1) >= times["seconds"] - rounded).all()  # nothing is left out
    assert (times[["tokens_per_second", "memory_mb"]] > 0).all(axis=None)


def test_event_files_are_refused_before_training_where_they_cannot_be_written(
    tmp_path: Path, training_set: Any, settings_of: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "find_spec", lambda _: None)
    with pytest.raises(TrainingError, match=r"training\.tensorboard"):
        training_set.start(settings_of(tensorboard=True), tmp_path)
    assert not list(tmp_path.iterdir())


def test_event_files_hold_every_logged_step(
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
