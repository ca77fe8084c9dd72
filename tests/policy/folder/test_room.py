"""A policy that does not fit is refused before it is loaded, with the numbers."""

from pathlib import Path

import pytest
import torch

from vqathinker.errors import InputError
from vqathinker.policy.folder import room
from vqathinker.policy.folder.checkpoint import load_policy
from vqathinker.policy.folder.room import free_bytes, weight_bytes
from vqathinker.policy.folder.shards import Shards


def test_bytes_from_the_headers_are_those_of_the_loaded_weights(tiny_base: Path) -> None:
    for dtype in (torch.float32, torch.bfloat16):
        state = load_policy(tiny_base, dtype=dtype).model.state_dict().values()
        sizes = {tensor.data_ptr(): tensor.nbytes for tensor in state}  # tied ones count once
        assert weight_bytes(Shards(tiny_base), dtype) == sum(sizes.values())
    assert weight_bytes(Shards(tiny_base), None) == weight_bytes(Shards(tiny_base), torch.float32)


def test_a_policy_that_does_not_fit_is_refused_with_what_to_do(
    tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "free_bytes", lambda device: 1000)
    with pytest.raises(InputError, match=r"weights need .* GB in float32, but cpu has 0\.0 GB .*"):
        load_policy(tiny_base)
    with pytest.raises(InputError, match=r"GB in bfloat16, but cpu .*smaller policy"):
        load_policy(tiny_base, dtype=torch.bfloat16)


def test_the_memory_that_is_left_is_the_systems_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "meminfo"
    monkeypatch.setattr(room, "_MEMINFO", told)
    assert free_bytes(torch.device("cpu")) is None
    told.write_text("MemTotal:  9000 kB\nMemAvailable:    2000 kB\n")
    assert free_bytes(torch.device("cpu")) == 2_048_000
