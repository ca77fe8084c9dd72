"""A cache with room behind its last token remembers what transformers' own does."""

import pytest
import torch
from torch import Tensor
from transformers import DynamicCache

from vqathinker.policy.roomy_cache import ROOM, roomy_cache


def states(tokens: int, rows: int = 3, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    keys, values = (torch.randn((rows, 2, tokens, 4), generator=generator) for _ in range(2))
    return keys, values


def fill(*caches: DynamicCache, tokens: int, rows: int = 3, seed: int = 0) -> None:
    for cache in caches:
        for layer in range(2):
            cache.update(*states(tokens, rows, seed + layer), layer)


def require_equal(roomy: DynamicCache, plain: DynamicCache) -> None:
    assert roomy.get_seq_length() == plain.get_seq_length()
    for own, theirs in zip(roomy.layers, plain.layers, strict=True):
        assert torch.equal(own.keys, theirs.keys)
        assert torch.equal(own.values, theirs.values)


@pytest.fixture
def caches() -> tuple[DynamicCache, DynamicCache]:
    pair = roomy_cache(), DynamicCache()
    fill(*pair, tokens=5)
    return pair


def test_it_grows_beyond_its_room(caches: tuple[DynamicCache, DynamicCache]) -> None:
    for step in range(ROOM + 3):
        fill(*caches, tokens=1, seed=step)
    require_equal(*caches)


def test_tokens_are_written_in_place(caches: tuple[DynamicCache, DynamicCache]) -> None:
    roomy, _ = caches
    fill(roomy, tokens=1)
    where = roomy.layers[0].keys.data_ptr()
    for step in range(ROOM - 1):
        fill(roomy, tokens=1, seed=step)
    assert roomy.layers[0].keys.data_ptr() == where


@pytest.mark.parametrize("change", ["select", "repeat", "crop"])
def test_rows_and_tokens_may_leave_and_others_come(
    caches: tuple[DynamicCache, DynamicCache], change: str
) -> None:
    fill(*caches, tokens=2)
    for cache in caches:
        if change == "select":
            cache.batch_select_indices(torch.tensor([2, 0]))
        elif change == "repeat":
            cache.batch_repeat_interleave(2)
        else:
            cache.crop(-1)
    require_equal(*caches)
    rows = {"select": 2, "repeat": 6, "crop": 3}[change]
    for step in range(3):
        fill(*caches, tokens=1, rows=rows, seed=step)
    require_equal(*caches)
