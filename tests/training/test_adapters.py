"""Adapters: trained beside frozen weights, gone on from bit by bit, merged into a plain policy."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from vqathinker.errors import InputError
from vqathinker.params import RunSettings
from vqathinker.policy.folder.checkpoint import load_policy
from vqathinker.policy.folder.export import export
from vqathinker.policy.parts import part_of

Settings = Callable[..., RunSettings]

LORA = {"rank": 4, "alpha": 8.0, "parts": ["language"]}


@pytest.fixture
def settings(settings_of: Settings) -> RunSettings:
    return settings_of(max_steps=4, save_every=2, lora=LORA, learning_rate=1e-2)


def adapters_after(out: Path, step: int) -> dict[str, torch.Tensor]:
    return load_file(out / "checkpoints" / f"checkpoint-{step}" / "adapter_model.safetensors")


def test_adapters_are_merged_into_a_policy_that_loads_by_its_path(
    tmp_path: Path, training_set: Any, settings: RunSettings
) -> None:
    training_set.start(settings, tmp_path / "run")
    names = adapters_after(tmp_path / "run", 4)
    assert {name.split(".lora_")[0].rpartition(".")[2] for name in names if "lora_" in name} == {
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj",
    }  # fmt: skip
    export("grpo", settings, tmp_path / "run", tmp_path / "policy")
    base = load_policy(training_set.folder / "base").model.state_dict()
    trained = load_policy(tmp_path / "policy").model.state_dict()
    assert trained.keys() == base.keys()
    moved = {part_of(name) for name, value in trained.items() if not torch.equal(value, base[name])}
    assert moved == {"language", "projector", "motion_projector"}  # vision is frozen
    assert torch.equal(trained["lm_head.weight"], base["lm_head.weight"])
    kept = {path.name for path in (tmp_path / "policy" / "adapters").iterdir()}
    assert kept == {"adapter_config.json", "adapter_model.safetensors"}


def test_a_run_with_adapters_goes_on_bit_by_bit(
    tmp_path: Path, training_set: Any, settings: RunSettings
) -> None:
    training_set.start(settings, tmp_path)
    before, history = adapters_after(tmp_path, 4), (tmp_path / "history.csv").read_bytes()
    shutil.rmtree(tmp_path / "checkpoints" / "checkpoint-4")
    training_set.start(settings, tmp_path)
    after = adapters_after(tmp_path, 4)
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert (tmp_path / "history.csv").read_bytes() == history


def test_the_reference_of_adapters_is_the_policy_without_them(
    tmp_path: Path, training_set: Any, settings: RunSettings
) -> None:
    import pandas as pd

    training_set.start(settings, tmp_path)
    kl = pd.read_csv(tmp_path / "history.csv")["kl"]
    assert kl[0] == pytest.approx(0, abs=1e-6)  # new adapters say nothing
    assert kl[3] > 1e-5


def test_adapters_are_not_merged_into_another_base(
    tmp_path: Path, training_set: Any, settings: RunSettings
) -> None:
    base = shutil.copytree(training_set.folder / "base", tmp_path / "base")
    training_set.start(settings, tmp_path / "run", policy=base)
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "setting": "7x56"}))
    with pytest.raises(InputError, match=r"adapters in .* were trained beside"):
        export("grpo", settings, tmp_path / "run", tmp_path / "policy")


def test_frozen_weights_beside_adapters_are_half_precision_and_trained_ones_are_not(
    tmp_path: Path, training_set: Any, settings_of: Settings
) -> None:
    training_set.start(settings_of(max_steps=2, lora=LORA, precision="bf16"), tmp_path)
    assert {value.dtype for value in adapters_after(tmp_path, 2).values()} == {torch.float32}
