"""A run: files, trained parts, precision, reproducibility."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from tests.training.conftest import RolloutCall, Settings, same_weights, weights_after

from vqathinker.errors import InputError
from vqathinker.reporting.plot_data import PANEL_TITLES


def history(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "history.csv")


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory, training_set: Any, settings_of: Settings
) -> Path:
    """The folder of a run of three steps, read-only."""
    out = tmp_path_factory.mktemp("models") / "demo" / "grpo"
    training_set.start(settings_of(), out)
    return out


def test_run_writes_history_and_departs_from_the_reference(finished: Path) -> None:
    table = history(finished)
    assert table["step"].tolist() == [1, 2, 3]
    checkpoints = {path.name for path in (finished / "checkpoints").iterdir()}
    assert checkpoints == {"checkpoint-2", "checkpoint-3"}  # every second step, and the last
    assert table[list(PANEL_TITLES)].notna().all(axis=None)
    assert table["failures"].between(0, 1).all()
    assert abs(table["kl"][0]) < 1e-6
    assert table["kl"][1:].min() > 1e-7


@pytest.mark.parametrize(
    ("method", "frozen"),
    [("grpo", []), ("grpo", ["motion_projector", "language"]), ("sft", ["vision", "projector"])],
)
def test_only_frozen_parts_keep_their_weights(
    tmp_path: Path, training_set: Any, settings_of: Settings, method: str, frozen: list[str]
) -> None:
    settings = settings_of(method=method, freeze=frozen, keep_encoded=False, weight_decay=0.1)
    training_set.start(settings, tmp_path)
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
def test_gradient_checkpointing_does_not_change_weights(
    tmp_path: Path, training_set: Any, settings_of: Settings, frozen: list[str]
) -> None:
    for name, on in (("on", True), ("off", False)):
        how = {"freeze": frozen, "keep_encoded": "vision" in frozen, "learning_rate": 1e-4}
        settings = settings_of(gradient_checkpointing=on, **how)
        training_set.start(settings, tmp_path / name)
    on, off = (weights_after(tmp_path / name, 3) for name in ("on", "off"))
    for name, value in off.items():
        torch.testing.assert_close(on[name], value, atol=1e-5, rtol=0)


def test_bf16_trains_float32_weights(
    tmp_path: Path, training_set: Any, settings_of: Settings
) -> None:
    training_set.start(settings_of(precision="bf16"), tmp_path)
    assert abs(history(tmp_path)["kl"][0]) < 1e-3  # the reference's weights are rounded
    assert {value.dtype for value in weights_after(tmp_path, 3).values()} == {torch.float32}


def test_without_temporal_weight_there_are_no_perturbed_rollouts(
    tmp_path: Path, training_set: Any, settings_of: Settings, rollout_calls: list[RolloutCall]
) -> None:
    for name, temporal in (("off", 0.0), ("on", 1.0)):
        training_set.start(
            settings_of(weights={"temporal": temporal}, max_steps=1), tmp_path / name
        )
    numbers = [(len(done.raw), len(done.perturbed)) for _, _, done in rollout_calls]
    assert numbers == [(8, 0), (8, 4)]
    assert history(tmp_path / "off")["rewards/temporal"].tolist() == [0.0]


def test_runs_are_reproducible_and_depend_on_the_seed(
    tmp_path: Path, finished: Path, training_set: Any, settings_of: Settings
) -> None:
    training_set.start(settings_of(), tmp_path / "same")
    training_set.start(settings_of(seed=43), tmp_path / "other")
    assert same_weights(finished, tmp_path / "same", 3)
    assert not same_weights(finished, tmp_path / "other", 3)
    one, two = (out / "history.csv" for out in (finished, tmp_path / "same"))
    assert one.read_bytes() == two.read_bytes()


def test_too_few_videos_for_a_step_are_an_error(
    tmp_path: Path, training_set: Any, settings_of: Settings
) -> None:
    with pytest.raises(InputError, match=r"training\.videos_per_device 4"):
        training_set.start(settings_of(videos_per_device=4, gradient_accumulation=2), tmp_path)
    assert not (tmp_path / "checkpoints").exists()
