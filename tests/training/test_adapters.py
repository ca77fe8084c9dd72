"""Adapters: training, resume, export, and further runs."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from tests.training.conftest import Settings, drop_checkpoints, same_weights, weights_after

from vqathinker.errors import InputError
from vqathinker.params import RunSettings
from vqathinker.policy.config import part_of
from vqathinker.policy.folder.checkpoint import load_policy, save_policy
from vqathinker.policy.folder.export import export
from vqathinker.policy.folder.low_rank import LowRankLinear, low_rank_changes
from vqathinker.policy.folder.shards import Shards
from vqathinker.training.setup import _restore_float32

LORA: dict[str, Any] = {"rank": 4, "alpha": 8.0, "parts": ["language"]}


@pytest.fixture
def settings(settings_of: Settings) -> RunSettings:
    return settings_of(max_steps=4, save_every=2, lora=LORA, learning_rate=1e-2)


def test_exported_policy_contains_adapters(
    tmp_path: Path, training_set: Any, settings: RunSettings
) -> None:
    training_set.start(settings, tmp_path / "run")
    names = weights_after(tmp_path / "run", 4)
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


def test_run_with_adapters_starts_at_the_reference_and_resumes_exactly(
    tmp_path: Path, training_set: Any, settings: RunSettings
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    training_set.start(settings, whole)
    kl = pd.read_csv(whole / "history.csv")["kl"]
    assert kl[0] == pytest.approx(0, abs=1e-6)  # new adapters change nothing
    assert kl[3] > 1e-5
    shutil.copytree(whole, cut)
    drop_checkpoints(cut, after=2)
    training_set.start(settings, cut)
    assert same_weights(whole, cut, 4)
    assert (whole / "history.csv").read_bytes() == (cut / "history.csv").read_bytes()


def test_merging_into_another_base_is_an_error(
    tmp_path: Path, training_set: Any, settings: RunSettings
) -> None:
    base = shutil.copytree(training_set.folder / "base", tmp_path / "base")
    training_set.start(settings, tmp_path / "run", policy=base)
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "setting": "7x56"}))
    with pytest.raises(InputError, match=r"adapters in .*checkpoint-4"):
        export("grpo", settings, tmp_path / "run", tmp_path / "policy")


# --- changes smaller than a step of bf16 ----------------------------------------------------------


@pytest.fixture(scope="module")
def half_base(tmp_path_factory: pytest.TempPathFactory, training_set: Any) -> Path:
    """The base policy stored in bf16, as InternVL3."""
    folder = tmp_path_factory.mktemp("adapters") / "half"
    base = load_policy(training_set.folder / "base", dtype=torch.bfloat16)
    save_policy(base.model, base.tokenizer, folder, "", {})
    return folder


@pytest.fixture(scope="module")
def exported(training_set: Any, settings_of: Settings, half_base: Path) -> Path:
    """A policy with adapters, trained for two small steps."""
    settings = settings_of(max_steps=2, lora=LORA, precision="bf16", learning_rate=1e-5)
    run, policy = half_base.parent / "run", half_base.parent / "policy"
    training_set.start(settings, run, policy=half_base)
    assert {value.dtype for value in weights_after(run, 2).values()} == {torch.float32}
    export("grpo", settings, run, policy)
    return policy


def test_export_keeps_small_changes(exported: Path, half_base: Path) -> None:
    before, after = (load_policy(folder).model.state_dict() for folder in (half_base, exported))
    changes = low_rank_changes(exported / "adapters")
    error = sum(
        float((after[name] - before[name] - up @ down).square().sum())
        for name, (down, up) in changes.items()
    )
    wanted = sum(float((up @ down).square().sum()) for down, up in changes.values())
    assert wanted > 0
    assert (error / wanted) ** 0.5 < 0.05
    whole = {name for name in before if "projector" in name}
    assert any(not torch.equal(before[name], after[name]) for name in whole)
    stored = {str(value.dtype) for value in load_file(exported / "model.safetensors").values()}
    assert "torch.bfloat16" not in stored


def test_half_precision_keeps_adapters_separate(exported: Path, half_base: Path) -> None:
    base = load_policy(half_base, dtype=torch.bfloat16).model.state_dict()
    policy = load_policy(exported, dtype=torch.bfloat16).model
    changes = low_rank_changes(exported / "adapters")
    for name, (_, up) in changes.items():
        assert torch.equal(policy.get_parameter(name), base[name]), name
        layer = policy.get_submodule(name.removesuffix(".weight"))
        assert isinstance(layer, LowRankLinear)
        assert torch.equal(layer.up, up.bfloat16())
    assert policy.state_dict().keys() == base.keys()
    merged = load_policy(exported, dtype=torch.bfloat16, merged=True).model
    assert not any(isinstance(layer, LowRankLinear) for layer in merged.modules())


def test_half_precision_keeps_adapters_of_two_runs_separate(
    training_set: Any, settings_of: Settings, exported: Path, half_base: Path
) -> None:
    """Adapters of another rank and scale are trained on the exported policy."""
    lora = {"rank": 2, "alpha": 2.0, "parts": ["language", "projector"]}
    settings = settings_of(max_steps=2, lora=lora, precision="bf16", learning_rate=1e-5)
    run, both = exported.parent / "run2", exported.parent / "policy2"
    training_set.start(settings, run, policy=exported)
    export("grpo", settings, run, both)
    base = load_policy(half_base, dtype=torch.bfloat16).model.state_dict()
    policy = load_policy(both, dtype=torch.bfloat16).model
    before, after = (load_policy(folder).model.state_dict() for folder in (exported, both))
    first = low_rank_changes(exported / "adapters")
    second = low_rank_changes(run / "checkpoints" / "checkpoint-2")
    assert second.keys() > first.keys()
    for name, (down, up) in second.items():
        layer = policy.get_submodule(name.removesuffix(".weight"))
        assert isinstance(layer, LowRankLinear)
        change = up @ down
        torch.testing.assert_close(after[name], before[name] + change)
        if name in first:
            assert torch.equal(layer.weight, base[name]), name
            change = change + first[name][1] @ first[name][0]
        torch.testing.assert_close(
            layer.up.float() @ layer.down.float(), change, rtol=0.02, atol=0.01 * change.abs().max()
        )


def test_fully_trained_part_contains_earlier_adapters_once(exported: Path) -> None:
    policy = load_policy(exported, dtype=torch.bfloat16).model
    merged = Shards(exported)
    _restore_float32(policy, merged, adapted=[])
    for name in low_rank_changes(exported / "adapters"):
        layer = policy.get_submodule(name.removesuffix(".weight"))
        layer.bias = None
        output = layer(torch.eye(layer.in_features)).detach()
        assert torch.equal(output.T, merged[name]()), name
