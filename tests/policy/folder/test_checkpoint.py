"""Policy folders: saving, loading, hashes, export, errors."""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from vqathinker.errors import InputError
from vqathinker.params import RunSettings
from vqathinker.phases.parameters import resolve
from vqathinker.policy.folder.checkpoint import Policy, load_policy, save_policy
from vqathinker.policy.folder.export import export
from vqathinker.policy.folder.hashes import policy_hash
from vqathinker.policy.model import VQAThinkerForConditionalGeneration

Model = VQAThinkerForConditionalGeneration
Tensors = dict[str, Tensor]

BIAS = "model.motion_projector.3.bias"


@pytest.fixture
def folder(tmp_path: Path, tiny_base: Path) -> Path:
    """A copy of the tiny policy's folder, to be damaged."""
    return shutil.copytree(tiny_base, tmp_path / "policy")


@pytest.fixture
def settings(config: dict[str, Any]) -> RunSettings:
    row = resolve(config)["runs"]["grpo"]
    return RunSettings.model_validate({key: row[key] for key in RunSettings.model_fields})


def change_tensors(folder: Path, change: Callable[[Tensors], Any]) -> None:
    path = folder / "model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, metadata={"format": "pt"})


def test_saved_policy_loads_bit_by_bit(
    tmp_path: Path, policy: Model, loaded: Policy, ids: Tensor, pixels: Tensor
) -> None:
    encoder = policy.model.motion_encoder
    encoder.calibrate(encoder.raw_features(pixels))
    save_policy(policy, loaded.tokenizer, tmp_path / "policy", "", {})
    again = load_policy(tmp_path / "policy")
    assert not again.model.training
    prompts = ids.expand(3, -1)
    with torch.no_grad():
        before = policy(input_ids=prompts, pixel_values=pixels).logits
        assert torch.equal(again.model(input_ids=prompts, pixel_values=pixels).logits, before)
    state = again.model.state_dict()
    assert all(torch.equal(state[name], value) for name, value in policy.state_dict().items())
    text = "<think>I see clear blur.</think><answer>3.42</answer><|im_end|>"
    assert again.tokenizer(text)["input_ids"] == loaded.tokenizer(text)["input_ids"]
    assert again.tokenizer.decode([again.tokenizer.eos_token_id]) == "<|im_end|>"


def test_loading_does_not_unpickle(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("something was unpickled")

    assert {path.suffix for path in folder.iterdir()} == {".json", ".md", ".safetensors"}
    for module, name in ((torch, "load"), (pickle, "load"), (pickle, "loads")):
        monkeypatch.setattr(module, name, refuse)
    load_policy(folder)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "provenance.json"])
def test_missing_part_of_a_folder_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(InputError, match=name):
        load_policy(folder)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda tensors: tensors.update({"model.x": tensors.pop(BIAS)}), f"{BIAS}, model.x"),
        (lambda tensors: tensors.update({BIAS: torch.zeros(7)}), BIAS),
    ],
    ids=["other name", "other shape"],
)
def test_unexpected_tensors_are_named(
    folder: Path, change: Callable[[Tensors], Any], named: str
) -> None:
    change_tensors(folder, change)
    with pytest.raises(InputError, match=named):
        load_policy(folder)


def test_hash_covers_weights_configuration_and_tokenizer(folder: Path) -> None:
    before = policy_hash(folder)
    assert json.loads((folder / "provenance.json").read_text())["policy"] == before
    (folder / "README.md").write_text("other words")
    (folder / "provenance.json").write_text("{}")
    assert policy_hash(folder) == before
    hashes = {before}
    change_tensors(folder, lambda tensors: tensors[BIAS].add_(1e-6))
    hashes.add(policy_hash(folder))
    for name in ("config.json", "tokenizer.json"):
        (folder / name).write_bytes((folder / name).read_bytes() + b"\n")
        hashes.add(policy_hash(folder))
    assert len(hashes) == 4


def test_export_uses_the_last_checkpoint(
    tmp_path: Path, policy: Model, loaded: Policy, settings: RunSettings
) -> None:
    for step in (9, 10):  # sorted by number, not by name
        with torch.no_grad():
            policy.get_parameter(BIAS).fill_(step)
        folder = tmp_path / "grpo" / "checkpoints" / f"checkpoint-{step}"
        save_policy(policy, loaded.tokenizer, folder, "", {"base": "models/base/tiny"})
    export("grpo", settings, tmp_path / "grpo", tmp_path / "grpo" / "policy")
    exported = load_policy(tmp_path / "grpo" / "policy")
    assert exported.model.get_parameter(BIAS).unique().tolist() == [10.0]
    assert exported.provenance["run"] == "grpo"
    assert exported.provenance["steps"] == 10
    assert exported.provenance["base"] == "models/base/tiny"
    assert exported.provenance["settings"] == settings.model_dump()
    assert exported.provenance["policy"] == policy_hash(tmp_path / "grpo" / "policy")
    card = (tmp_path / "grpo" / "policy" / "README.md").read_text()
    assert "10 steps" in card
    assert "models/base/tiny" in card


def test_export_without_checkpoint_is_an_error(tmp_path: Path, settings: RunSettings) -> None:
    with pytest.raises(InputError, match=r"/checkpoints\b"):
        export("grpo", settings, tmp_path, tmp_path / "policy")
    assert not (tmp_path / "policy").exists()
