"""Keys and values of a growing completion, without a copy of everything at every token.

transformers' DynamicCache joins old and new at each step: for 16 completions behind prompts of
1,700 tokens that is most of a step's time on the CPU. Here a layer keeps room for more behind its
last token and writes there. For decoding only: what is written in place has no gradient.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

__all__ = ["ROOM", "join_caches", "roomy_cache"]

ROOM = 128  # tokens


class _RoomyLayer(DynamicLayer):
    """A DynamicLayer whose `keys` and `values` are the filled part of a larger tensor.

    Methods that put others in their place (a selection of rows, a repetition) leave the room
    behind; the next update makes a new one.
    """

    _room: tuple[Tensor, Tensor] | None = None

    def update(
        self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any
    ) -> tuple[Tensor, Tensor]:
        """Put (rows, heads, tokens, size) behind what is there; all of it comes back."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self.keys, self.values = key_states, value_states
            return self.keys, self.values
        before = self.keys.shape[-2]
        filled = before + key_states.shape[-2]
        if self._room is None or not _lies_in(self.keys, self._room[0], filled):
            self._room = (_with_room(self.keys, filled), _with_room(self.values, filled))
        keys, values = self._room
        keys[..., before:filled, :] = key_states
        values[..., before:filled, :] = value_states
        self.keys, self.values = keys[..., :filled, :], values[..., :filled, :]
        return self.keys, self.values


def _lies_in(part: Tensor, room: Tensor, filled: int) -> bool:
    same = part.data_ptr() == room.data_ptr() and part.shape[0] == room.shape[0]
    return same and filled <= room.shape[-2]


def _with_room(part: Tensor, filled: int) -> Tensor:
    room = part.new_empty((*part.shape[:-2], filled + ROOM, part.shape[-1]))
    room[..., : part.shape[-2], :] = part
    return room


def roomy_cache() -> DynamicCache:
    """An empty cache with such layers."""
    cache = DynamicCache()
    cache.layer_class_to_replicate = _RoomyLayer
    return cache


def join_caches(caches: Sequence[DynamicCache]) -> DynamicCache:
    """The rows of all caches, equally long, one after the other; it takes them over."""
    if len(caches) == 1:
        return caches[0]
    joined = roomy_cache()
    for number in range(len(caches[0].layers)):
        layers = [cache.layers.pop(0) for cache in caches]  # each is free once it is copied
        keys, values = (
            torch.cat([getattr(a, name) for a in layers]) for name in ("keys", "values")
        )
        joined.update(keys, values, number)
    return joined
