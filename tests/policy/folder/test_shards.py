"""Sharded safetensors: what is written comes back bit by bit, and what is wrong is named."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from vqathinker.errors import InputError
from vqathinker.policy.folder.shards import ShardError, Shards, write_shards

INDEX = "model.safetensors.index.json"


@pytest.mark.parametrize(("limit", "files"), [(10**6, 1), (100, 3), (1, 4)])
def test_tensors_come_back_whatever_the_size_of_a_file(
    tmp_path: Path, limit: int, files: int
) -> None:
    whole = torch.randn((30, 4), generator=torch.Generator().manual_seed(0))
    tensors = {
        "a": whole[:5],  # 80 bytes of a larger tensor
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


def test_an_index_that_names_a_file_outside_of_the_folder_is_refused(tmp_path: Path) -> None:
    content = {"weight_map": {"a": "../other.safetensors"}}
    (tmp_path / INDEX).write_text(json.dumps(content))
    with pytest.raises(ShardError, match=r"names \.\./other\.safetensors, which lies outside"):
        Shards(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"weight_map": 3}'])
def test_an_index_of_another_form_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / INDEX).write_text(content)
    with pytest.raises(InputError, match=rf"{INDEX}: is not a mapping with 'weight_map'"):
        Shards(tmp_path)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    save_file({"a": torch.ones(100)}, tmp_path / "model.safetensors")
    whole = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole[:-10])
    with pytest.raises(InputError, match=r"model\.safetensors: .* damaged: get or write"):
        Shards(tmp_path)


def test_a_tensor_in_two_files_is_named(tmp_path: Path) -> None:
    for name in ("1", "2"):
        save_file({"a": torch.ones(1)}, tmp_path / f"{name}.safetensors")
    content = {"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}
    (tmp_path / INDEX).write_text(json.dumps(content))
    with pytest.raises(ShardError, match=r"2\.safetensors: a stands in another file"):
        Shards(tmp_path)
