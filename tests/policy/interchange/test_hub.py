"""Base policies from InternVL3: unchanged tensors, a new motion branch."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError
from safetensors.torch import load_file
from torch import Tensor
from transformers import (
    InternVLConfig,
    InternVLForConditionalGeneration,
    InternVLVisionConfig,
    PreTrainedTokenizerBase,
    Qwen2Config,
)

from vqathinker.errors import InputError
from vqathinker.params.base import HubBaseParams
from vqathinker.policy.folder.checkpoint import Policy, load_policy
from vqathinker.policy.inputs import image_token_id
from vqathinker.policy.interchange.bases import prepare_hub_base
from vqathinker.policy.motion.slowfast import SlowFastR50

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory, draw: Callable[..., Tensor]) -> Path:
    """A file as pytorchvideo's, with the golden weights."""
    path = tmp_path_factory.mktemp("weights") / "SLOWFAST_8x8_R50.pyth"
    state = {name: draw(name, tensor) for name, tensor in SlowFastR50().state_dict().items()}
    torch.save({"model_state": state}, path)
    return path


@pytest.fixture(scope="module")
def repository(
    tmp_path_factory: pytest.TempPathFactory, tokenizer: PreTrainedTokenizerBase
) -> Path:
    """A tiny InternVL3 in transformers' layout."""
    folder = tmp_path_factory.mktemp("snapshots") / COMMIT
    config = InternVLConfig(
        vision_config=InternVLVisionConfig(
            hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
            image_size=[224, 224], attention_bias=True,
        ),
        text_config=Qwen2Config(
            vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
            num_key_value_heads=1, intermediate_size=64,
        ),
        image_token_id=image_token_id(tokenizer), image_seq_length=64, tie_word_embeddings=False,
    )  # fmt: skip
    torch.manual_seed(0)
    InternVLForConditionalGeneration(config).bfloat16().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def params(repo: Path | str | None, weights: Path, **changes: Any) -> HubBaseParams:
    motion = {"encoder": "slowfast_r50", "weights": str(weights), "sha256": None}
    given = {"name": "internvl3-1b", "kind": "hub", "seed": 3, "revision": "main", "motion": motion}
    return HubBaseParams.model_validate(
        {**given, "repo": None if repo is None else str(repo), **changes}
    )


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory, repository: Path, weights: Path) -> Policy:
    out = tmp_path_factory.mktemp("base") / "internvl3-1b"
    prepare_hub_base(params(repository, weights), out)
    return load_policy(out, dtype=None)


def test_tensors_of_internvl_are_kept(policy: Policy, repository: Path) -> None:
    stock = InternVLForConditionalGeneration.from_pretrained(repository).state_dict()
    ours = policy.model.state_dict()
    assert all(torch.equal(ours[name], tensor) for name, tensor in stock.items())
    assert all(name.startswith("model.motion_") for name in ours.keys() - stock.keys())
    assert policy.model.dtype == torch.bfloat16
    assert policy.model.lm_head.weight is not policy.model.get_input_embeddings().weight


def test_motion_projector_is_initialised_as_by_the_authors(policy: Policy) -> None:
    norm, first, _, second = policy.model.model.motion_projector
    for linear in (first, second):
        weight = linear.weight.detach().float()
        assert 0 <= float(weight.min()) < 0.001
        assert 0.009 < float(weight.max()) <= 0.0101  # in bfloat16
        assert float(weight.mean()) == pytest.approx(0.005, rel=0.05)
        assert not linear.bias.any()
    assert bool((norm.weight == 1).all())
    assert not norm.bias.any()


def test_motion_encoder_has_the_public_weights(
    policy: Policy, weights: Path, draw: Callable[..., Tensor]
) -> None:
    state = policy.model.model.motion_encoder.state_dict()
    assert [n for n, tensor in state.items() if not torch.equal(tensor, draw(n, tensor))] == []
    sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
    assert policy.provenance["slowfast_sha256"] == sha256
    assert policy.provenance["params"]["motion"]["weights"] == str(weights)


def test_size_is_downloaded_by_name_and_revision(
    tmp_path: Path, policy: Policy, repository: Path, weights: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    downloads: list[tuple[Any, ...]] = []

    def snapshot(repo: str, *, revision: str, allow_patterns: list[str]) -> str:
        downloads.append((repo, revision, sorted(allow_patterns)))
        return str(repository)

    monkeypatch.setattr("vqathinker.policy.interchange.snapshot.snapshot_download", snapshot)
    wanted = params(None, weights, name="internvl3-8b", revision="v1", seed=4)
    prepare_hub_base(wanted, tmp_path / "base")
    patterns = ["*.json", "*.safetensors", "*.txt"]
    assert downloads == [("OpenGVLab/InternVL3-8B-hf", "v1", patterns)]
    record = json.loads((tmp_path / "base" / "provenance.json").read_text())
    assert record["commit"] == COMMIT
    drawn = load_file(tmp_path / "base" / "model.safetensors")["model.motion_projector.3.weight"]
    assert not torch.equal(drawn, policy.model.model.motion_projector[3].weight)  # of seed 3
    shutil.rmtree(tmp_path / "base")


def test_missing_network_is_an_error(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*_: Any, **__: Any) -> str:
        raise LocalEntryNotFoundError("no network")

    monkeypatch.setattr("vqathinker.policy.interchange.snapshot.snapshot_download", offline)
    with pytest.raises(InputError, match=r"OpenGVLab/InternVL3-1B-hf"):
        prepare_hub_base(params(None, weights), tmp_path / "base")


def test_other_layout_is_an_error(tmp_path: Path, repository: Path, weights: Path) -> None:
    copy = shutil.copytree(repository, tmp_path / "copy")
    (copy / "config.json").write_text('{"model_type": "internvl_chat"}')
    with pytest.raises(InputError, match=r"model_type.*internvl_chat"):
        prepare_hub_base(params(copy, weights), tmp_path / "base")
