"""A run: what it writes, what it trains, where it goes on after an interruption, what it reads."""

import re
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from vqathinker.params import RunSettings
from vqathinker.policy.folder.checkpoint import load_policy
from vqathinker.policy.folder.export import export
from vqathinker.policy.folder.hashes import policy_hash
from vqathinker.reporting.plot_data import PANELS
from vqathinker.training.checkpoints import TrainingError
from vqathinker.training.rollouts import Rollouts, RolloutSampler

Settings = Callable[..., RunSettings]
Watch = Callable[..., list[int]]


def weights_after(out: Path, step: int) -> dict[str, Tensor]:
    return load_file(out / "checkpoints" / f"checkpoint-{step}" / "model.safetensors")


def history(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "history.csv")


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """watch(stop=3) is a list of the steps that were rolled out; step 3 fails."""
    sample = RolloutSampler.sample

    def start(stop: int | None = None) -> list[int]:
        steps: list[int] = []

        def watched(
            self: RolloutSampler, policy: Any, videos: Any, step: int, generator: Any
        ) -> Rollouts:
            if step == stop:
                raise KeyboardInterrupt
            steps.append(step)
            return sample(self, policy, videos, step, generator)

        monkeypatch.setattr(RolloutSampler, "sample", watched)
        return steps

    return start


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory, training_set: Any, settings_of: Settings
) -> Path:
    """The folder of a run of three steps, to be read only."""
    out = tmp_path_factory.mktemp("models") / "demo" / "grpo"
    training_set.start(settings_of(), out)
    return out


def test_a_run_writes_a_history_with_a_row_for_each_step(finished: Path) -> None:
    table = history(finished)
    assert table["step"].tolist() == [1, 2, 3]
    assert set(PANELS) <= set(table.columns)
    assert table[list(PANELS)].notna().all(axis=None)
    assert table["failures"].between(0, 1).all()


def test_a_run_says_what_it_takes_and_is_refused_where_its_optimiser_has_no_memory(
    tmp_path: Path, training_set: Any, settings_of: Settings, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    training_set.start(settings_of(freeze=["vision"]), tmp_path / "fits")
    assert re.search(r"(?m)^run grpo: 3 steps of 2 videos", capsys.readouterr().err)
    weights = load_file(training_set.folder / "base" / "model.safetensors")
    frozen = ("model.vision_tower.", "model.motion_encoder.")
    trained = sum(weight.numel() for name, weight in weights.items() if not name.startswith(frozen))
    for free, fits in ((12 * trained, True), (12 * trained - 1, False)):
        monkeypatch.setattr("vqathinker.training.run.free_bytes", lambda _, free=free: free)
        out = tmp_path / str(free)
        with nullcontext() if fits else pytest.raises(TrainingError, match="run grpo"):
            training_set.start(settings_of(freeze=["vision"]), out)
        assert (out / "history.csv").is_file() is fits


def test_training_starts_at_the_reference_and_leaves_it(finished: Path) -> None:
    divergence = history(finished)["kl"]
    assert abs(divergence[0]) < 1e-6
    assert divergence[1:].min() > 1e-7


def test_the_last_step_has_a_checkpoint_that_exports_to_a_policy(
    tmp_path: Path, finished: Path, training_set: Any, settings_of: Settings
) -> None:
    """Three steps with a checkpoint every two: the last one is not lost."""
    settings = settings_of()
    checkpoints = sorted(path.name for path in (finished / "checkpoints").iterdir())
    assert checkpoints == ["checkpoint-2", "checkpoint-3"]
    export("grpo", settings, finished, tmp_path / "policy")
    exported = load_policy(tmp_path / "policy")
    last = weights_after(finished, 3)
    state = exported.model.state_dict()
    assert all(torch.equal(state[name], value) for name, value in last.items())
    origin = exported.provenance
    assert (origin["run"], origin["steps"]) == ("grpo", 3)
    assert origin["inputs"]["policy"] == policy_hash(training_set.folder / "base")
    assert origin["settings"] == settings.model_dump()


@pytest.mark.parametrize(
    "frozen",
    [[], ["vision"], ["vision", "projector", "motion_projector"], ["vision", "language"]],
    ids="+".join,
)
def test_frozen_parts_do_not_move_and_others_do(
    tmp_path: Path, training_set: Any, settings_of: Settings, frozen: list[str]
) -> None:
    training_set.start(settings_of(freeze=frozen, keep_encoded=False, weight_decay=0.1), tmp_path)
    before = load_file(training_set.folder / "base" / "model.safetensors")
    after = weights_after(tmp_path, 3)
    parts = {
        "vision": "model.vision_tower.",
        "projector": "model.multi_modal_projector.",
        "motion_projector": "model.motion_projector.",
        "language": "model.language_model.",
        "motion encoder": "model.motion_encoder.",
    }
    for part, prefix in parts.items():
        names = [name for name in before if name.startswith(prefix)]
        moved = [name for name in names if not torch.equal(before[name], after[name])]
        assert names
        assert bool(moved) == (part not in {*frozen, "motion encoder"}), part


@pytest.mark.parametrize("frozen", [[], ["vision"]], ids="+".join)
def test_gradient_checkpointing_changes_no_weight(
    tmp_path: Path, training_set: Any, settings_of: Settings, frozen: list[str]
) -> None:
    for name, on in (("on", True), ("off", False)):
        how = {"freeze": frozen, "keep_encoded": "vision" in frozen, "learning_rate": 1e-4}
        settings = settings_of(gradient_checkpointing=on, **how)
        training_set.start(settings, tmp_path / name)
    on, off = (weights_after(tmp_path / name, 3) for name in ("on", "off"))
    for name, value in off.items():
        torch.testing.assert_close(on[name], value, atol=1e-5, rtol=0)


def test_half_precision_trains_whole_weights(
    tmp_path: Path, training_set: Any, settings_of: Settings
) -> None:
    training_set.start(settings_of(precision="bf16"), tmp_path)
    assert abs(history(tmp_path)["kl"][0]) < 1e-3  # the reference's weights are rounded
    assert {value.dtype for value in weights_after(tmp_path, 3).values()} == {torch.float32}


def test_without_temporal_weight_no_copy_is_rolled_out(
    tmp_path: Path, training_set: Any, settings_of: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = []
    sample = RolloutSampler.sample

    def watched(self: RolloutSampler, *args: Any) -> Rollouts:
        done = sample(self, *args)
        numbers.append((len(done.raw), len(done.perturbed)))
        return done

    monkeypatch.setattr(RolloutSampler, "sample", watched)
    for name, temporal in (("off", 0.0), ("on", 1.0)):
        training_set.start(
            settings_of(weights={"temporal": temporal}, max_steps=1), tmp_path / name
        )
    assert numbers == [(8, 0), (8, 4)]
    assert history(tmp_path / "off")["rewards/temporal"].tolist() == [0.0]


def test_the_same_settings_give_the_same_weights_and_another_seed_others(
    tmp_path: Path, finished: Path, training_set: Any, settings_of: Settings
) -> None:
    training_set.start(settings_of(), tmp_path / "same")
    training_set.start(settings_of(seed=43), tmp_path / "other")
    weights = weights_after(finished, 3)
    for name, equal in (("same", True), ("other", False)):
        again = weights_after(tmp_path / name, 3)
        assert all(torch.equal(again[key], value) for key, value in weights.items()) is equal


def test_an_interrupted_run_goes_on_to_the_weights_of_an_uninterrupted_one(
    tmp_path: Path, training_set: Any, settings_of: Settings, watch: Watch
) -> None:
    settings = settings_of(max_steps=4)
    training_set.start(settings, tmp_path / "whole")
    steps = watch(stop=3)
    with pytest.raises(KeyboardInterrupt):
        training_set.start(settings, tmp_path / "cut")
    assert steps == [0, 1, 2]
    assert not (tmp_path / "cut" / "history.csv").exists()
    steps = watch()
    training_set.start(settings, tmp_path / "cut")
    assert steps == [2, 3]  # from the checkpoint after two steps
    whole, cut = (weights_after(tmp_path / name, 4) for name in ("whole", "cut"))
    for name, value in whole.items():
        torch.testing.assert_close(cut[name], value, atol=1e-6, rtol=0)
    rows, again = (history(tmp_path / name) for name in ("whole", "cut"))
    pd.testing.assert_frame_equal(again, rows, atol=1e-5)


def test_wall_times_go_to_a_file_of_their_own(
    tmp_path: Path, training_set: Any, settings_of: Settings
) -> None:
    for name in ("first", "second"):
        times = tmp_path / "times" / f"{name}.csv"
        training_set.start(settings_of(max_steps=2), tmp_path / name, times=times)
        clock = pd.read_csv(times)
        assert clock["step"].tolist() == [1, 2]
        assert (clock["seconds"] >= 0).all()
    first, second = (tmp_path / name / "history.csv" for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()


def test_a_finished_run_is_not_trained_again(
    tmp_path: Path, finished: Path, training_set: Any, settings_of: Settings, watch: Watch
) -> None:
    out = shutil.copytree(finished, tmp_path / "grpo")
    steps = watch()
    training_set.start(settings_of(), out)
    assert steps == []
    pd.testing.assert_frame_equal(history(out), history(finished))


def test_a_run_that_was_killed_behind_its_last_step_does_not_do_one_more(
    tmp_path: Path, training_set: Any, settings_of: Settings, watch: Watch
) -> None:
    settings = settings_of(max_steps=1, videos_per_device=2)  # of three steps of an epoch
    training_set.start(settings, tmp_path)
    before = (tmp_path / "history.csv").read_bytes()
    (tmp_path / "history.csv").unlink()
    steps = watch()
    training_set.start(settings, tmp_path)
    assert steps == []
    assert (tmp_path / "history.csv").read_bytes() == before


@pytest.mark.parametrize("change", ["settings", "labels", "perturbations", "base policy", "clips"])
def test_a_run_of_other_settings_starts_anew(
    tmp_path: Path,
    finished: Path,
    training_set: Any,
    settings_of: Settings,
    watch: Watch,
    change: str,
) -> None:
    out = shutil.copytree(finished, tmp_path / "grpo")
    files = {}
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
    steps = watch()
    settings = settings_of(max_steps=2) if change == "settings" else settings_of()
    training_set.start(settings, out, **files)
    last = 2 if change == "settings" else 3
    assert steps == list(range(last))
    assert f"checkpoint-{last}" in {path.name for path in (out / "checkpoints").iterdir()}
    assert (out / "checkpoints" / "checkpoint-3").exists() == (last == 3)
    assert history(out)["step"].tolist() == list(range(1, last + 1))


def test_a_manifest_of_other_videos_is_refused(
    tmp_path: Path, training_set: Any, settings_of: Settings
) -> None:
    manifest = tmp_path / "manifest.parquet"
    pd.DataFrame({"video": ["x.mp4"], "mos_training": [3.0]}).to_parquet(manifest)
    with pytest.raises(ValueError, match=r"manifest\.parquet"):
        training_set.start(settings_of(), tmp_path / "out", manifest=manifest)


def test_training_reads_its_own_files_and_nothing_else(
    tmp_path: Path, training_set: Any, settings_of: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alone in a folder of their own, moved there; the working folder is empty."""
    folder = shutil.copytree(training_set.folder, tmp_path / "files")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    alone = type(training_set)(folder, training_set.clips, training_set.mos)
    assert pd.read_parquet(folder / "manifest.parquet").columns.tolist() == [
        "video",
        "mos_training",
    ]
    alone.start(settings_of(max_steps=1), tmp_path / "out")
    assert len(history(tmp_path / "out")) == 1
    assert not list((tmp_path / "empty").iterdir())
