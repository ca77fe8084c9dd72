"""A resumed run ends with the bytes of an uninterrupted one."""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from filelock import FileLock
from safetensors.torch import load_file, save_file
from tests.training.conftest import RolloutCall, Settings, drop_checkpoints, same_weights

from vqathinker.phases.locks import LockedError
from vqathinker.training import resumable


@pytest.fixture
def kill(monkeypatch: pytest.MonkeyPatch) -> Any:
    """kill("checkpoint-4", before=True) interrupts a run before that checkpoint is renamed."""
    finish = resumable.finish_checkpoint

    def at(name: str, *, before: bool = False) -> None:
        def interrupted(part: Path, final: Path, provenance: Any) -> None:
            if final.name != name or not before:
                finish(part, final, provenance)
            if final.name == name:
                monkeypatch.setattr(resumable, "finish_checkpoint", finish)
                raise KeyboardInterrupt

        monkeypatch.setattr(resumable, "finish_checkpoint", interrupted)

    return at


def test_resuming_in_a_later_epoch_keeps_the_order_of_videos(
    tmp_path: Path, training_set: Any, settings_of: Settings, rollout_calls: list[RolloutCall]
) -> None:
    settings = settings_of(max_steps=7, save_every=1)  # three steps make an epoch
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    training_set.start(settings, whole)
    before = [videos for _, videos, _ in rollout_calls]
    epochs = [sorted(video for step in before[i : i + 3] for video in step) for i in (0, 3)]
    assert epochs == [sorted(training_set.mos)] * 2
    assert before[:3] != before[3:6]
    shutil.copytree(whole, cut)
    drop_checkpoints(cut, after=6)
    rollout_calls.clear()
    training_set.start(settings, cut)
    assert [videos for _, videos, _ in rollout_calls] == before[6:]
    assert same_weights(whole, cut, 7)


@pytest.mark.parametrize(
    ("method", "kills"), [("grpo", [(2, False), (4, True)]), ("sft", [(2, False)])]
)
def test_killed_run_ends_with_the_same_bytes(
    tmp_path: Path, training_set: Any, settings_of: Settings, kill: Any, method: str,
    kills: list[tuple[int, bool]],
) -> None:  # fmt: skip
    settings = settings_of(method=method, max_steps=5, videos_per_device=1)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    training_set.start(settings, whole)
    for step, before in kills:
        kill(f"checkpoint-{step}", before=before)
        with pytest.raises(KeyboardInterrupt):
            training_set.start(settings, cut)
        assert (cut / "checkpoints" / f"checkpoint-{step}").exists() is not before
    training_set.start(settings, cut)
    assert (cut / "history.csv").read_bytes() == (whole / "history.csv").read_bytes()
    assert same_weights(whole, cut, 5)


def test_finished_run_is_not_trained_again(
    tmp_path: Path, training_set: Any, settings_of: Settings, rollout_calls: list[RolloutCall]
) -> None:
    """The trainer would make one more step, because an epoch has three."""
    training_set.start(settings_of(max_steps=1), tmp_path)
    before = (tmp_path / "history.csv").read_bytes()
    (tmp_path / "history.csv").unlink()
    rollout_calls.clear()
    training_set.start(settings_of(max_steps=1, save_every=5, keep=1), tmp_path)
    assert rollout_calls == []
    assert (tmp_path / "history.csv").read_bytes() == before


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory, training_set: Any, settings_of: Settings
) -> Path:
    out = tmp_path_factory.mktemp("finished")
    training_set.start(settings_of(max_steps=1), out)
    return out


@pytest.mark.parametrize("change", ["settings", "labels", "perturbations", "base policy", "clips"])
def test_changed_settings_or_files_start_over(
    tmp_path: Path, finished: Path, training_set: Any, settings_of: Settings,
    rollout_calls: list[RolloutCall], change: str,
) -> None:  # fmt: skip
    out = shutil.copytree(finished, tmp_path / "grpo")
    files: dict[str, Any] = {}
    folder = training_set.folder
    if change == "labels":
        table = pd.read_parquet(folder / "manifest.parquet")
        files["manifest"] = tmp_path / "manifest.parquet"
        table.assign(mos_training=table["mos_training"] / 2).to_parquet(files["manifest"])
    if change == "perturbations":
        table = pd.read_parquet(folder / "perturbations.parquet")
        files["perturbations"] = tmp_path / "perturbations.parquet"
        table.iloc[::-1].sort_values("video", kind="stable").to_parquet(files["perturbations"])
    if change == "base policy":
        files["policy"] = shutil.copytree(folder / "base", tmp_path / "base")
        weights = load_file(files["policy"] / "model.safetensors")
        key = next(iter(weights))
        save_file({**weights, key: weights[key] + 1}, files["policy"] / "model.safetensors")
    if change == "clips":
        frames = bytearray(training_set.clips.read_bytes())
        frames[-1] ^= 1
        files["clips"] = [tmp_path / "0000.safetensors"]
        files["clips"][0].write_bytes(frames)
    settings = settings_of(max_steps=1, beta=0.1 if change == "settings" else 0.04)
    training_set.start(settings, out, **files)
    assert len(rollout_calls) == 1
    assert (out / "checkpoints.before-1" / "checkpoint-1").is_dir()


def test_run_is_locked_while_another_process_trains_it(
    tmp_path: Path, training_set: Any, settings_of: Settings, rollout_calls: list[RolloutCall]
) -> None:
    with FileLock(tmp_path / ".lock"), pytest.raises(LockedError):
        training_set.start(settings_of(), tmp_path)
    assert rollout_calls == []
