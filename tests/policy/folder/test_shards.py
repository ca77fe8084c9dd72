"""Sharded safetensors: round trip, damaged files, memory."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from vqathinker.errors import InputError
from vqathinker.policy.folder import shards
from vqathinker.policy.folder.checkpoint import load_policy
from vqathinker.policy.folder.shards import (
    Shards,
    write_shards,
)

INDEX = "model.safetensors.index.json"


@pytest.mark.parametrize(("limit", "files"), [(10**6, 1), (100, 3), (1, 4)])
def test_shards_of_any_size_keep_the_tensors(tmp_path: Path, limit: int, files: int) -> None:
    whole = torch.randn((30, 4), generator=torch.Generator().manual_seed(0))
    tensors = {
        "a": whole[:5],  # a slice of a larger tensor, 80 bytes
        "b": torch.tensor(7),
        "c": whole.bfloat16()[:20],
        "d": torch.arange(6, dtype=torch.int32),
    }
    write_shards(tmp_path, [(name, lambda t=t: t) for name, t in tensors.items()], limit)
    assert len(list(tmp_path.glob("*.safetensors"))) == files
    assert (tmp_path / INDEX).is_file() == (files > 1)
    assert not list(tmp_path.glob("*.part"))
    back = Shards(tmp_path)
    assert back.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert torch.equal(back[name](), tensor)
        assert back[name]().dtype == tensor.dtype
        assert back.shapes[name] == tuple(tensor.shape)
    assert sum(path.stat().st_size for path in tmp_path.glob("*.safetensors")) < 2000


def test_damaged_file_is_named(tmp_path: Path) -> None:
    save_file({"a": torch.ones(100)}, tmp_path / "model.safetensors")
    whole = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole[:-10])
    with pytest.raises(InputError, match=r"model\.safetensors"):
        Shards(tmp_path)


def test_policy_larger_than_memory_is_an_error(
    tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "free_bytes", lambda device: 1000)
    with pytest.raises(InputError, match=r"policy|cpu"):
        load_policy(tiny_base)
