"""Generate completions: each distinct prompt is computed once, whatever the size of its group.

transformers' DynamicCache concatenates old and new keys at each step: for 16 completions of prompts
of 1,700 tokens that is most of a step's time on the CPU. Here a layer allocates space for more
tokens and writes in place, so it has no gradient.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from vqathinker.policy.model import VQAThinkerForConditionalGeneration, rows_at_a_time

_ENDED_SHARE = 0.25  # of a batch, at which ended completions are removed
SPARE_TOKENS = 128  # that a layer of the cache keeps space for


class EncodedPrompts(NamedTuple):
    """Prompts of equal length and the encoded clips that they ask about.

    `input_ids` (prompts, length), `frame_features` (prompts, frames, K, hidden) and
    `motion_features` (prompts, dim); dim is 0 without a motion token.
    """

    input_ids: Tensor
    frame_features: Tensor
    motion_features: Tensor

    @staticmethod
    def concatenate(parts: Sequence["EncodedPrompts"]) -> "EncodedPrompts":
        """The prompts of all parts in order."""
        return EncodedPrompts(*(torch.cat(field) for field in zip(*parts, strict=True)))


class CacheRow(NamedTuple):
    """The row of a cache with the keys and values of a completion."""

    cache: DynamicCache
    row: int


class Generated(NamedTuple):
    """Completions as token ids, and the keys and values of their prompts and of their tokens.

    `caches` has of completion i its prompt, then its tokens but for the last one, and maybe more
    after them.
    """

    ids: list[list[int]]
    caches: list[CacheRow]


@torch.no_grad()
def prefill(
    policy: VQAThinkerForConditionalGeneration, prompts: EncodedPrompts
) -> tuple[DynamicCache, Tensor]:
    """Run the prompts once, in chunks: keys and values, and last states (prompts, 1, hidden)."""
    at_once = rows_at_a_time(prompts.input_ids.shape[1])
    caches, hidden = [], []
    for some in zip(*(part.split(at_once) for part in prompts), strict=True):
        inputs = EncodedPrompts(*some)._asdict()
        out = policy.model(**inputs, past_key_values=preallocated_cache(), use_cache=True)
        caches.append(out.past_key_values)
        hidden.append(out.last_hidden_state[:, -1:])
    return join_caches(caches), torch.cat(hidden)


def generate(
    policy: VQAThinkerForConditionalGeneration, prompts: EncodedPrompts, rows: Tensor,
    max_new_tokens: int, end: int, draws: Tensor | None = None, temperature: float = 1.0,
    top_k: int = 0,
) -> list[list[int]]:  # fmt: skip
    """Complete prompts; completion i answers prompt `rows[i]`.

    Args:
        end: the token that ends a completion; it is kept as the last one.
        draws: numbers 0..1 (completions, max_new_tokens) that tokens are drawn with; None: greedy.
        temperature: of drawing.
        top_k: how many of the likeliest tokens are drawn from; 0: the whole vocabulary.

    Returns:
        Token ids of each completion, at most `max_new_tokens`.
    """
    return generate_with_cache(
        policy, prompts, rows, max_new_tokens, end, draws, temperature, top_k, keep=False
    ).ids


@torch.no_grad()
def generate_with_cache(  # noqa: PLR0913  as `generate`
    policy: VQAThinkerForConditionalGeneration, prompts: EncodedPrompts, rows: Tensor,
    max_new_tokens: int, end: int, draws: Tensor | None = None, temperature: float = 1.0,
    top_k: int = 0, *, keep: bool = True,
) -> Generated:  # fmt: skip
    """As `generate`, with the keys and values of the completions if `keep` is true."""
    was_training = policy.training
    policy.eval()
    cache, hidden = prefill(policy, prompts)
    cache.batch_select_indices(rows)
    hidden = hidden[rows]
    tokens = torch.full((len(rows), max_new_tokens), end, device=hidden.device)
    places = torch.arange(len(rows), device=hidden.device)  # completions still in the batch
    is_open = torch.ones_like(places, dtype=torch.bool)
    kept: dict[int, CacheRow] = {}
    for step in range(max_new_tokens):
        logits = policy.next_logits(hidden[:, -1])
        if draws is None:
            token = logits.argmax(-1)
        else:
            uniform = draws[:, step, None].to(places.device)[places]
            token = _draw(_truncate(logits, top_k) / temperature, uniform)
        token = torch.where(is_open, token, end)
        tokens[places, step] = token
        is_open &= token != end
        ended = len(places) - int(is_open.sum())
        if ended == len(places) or step + 1 == max_new_tokens:
            break
        if ended >= _ENDED_SHARE * len(places):
            if keep:
                done = rows_of(cache, ~is_open)
                kept |= {p: CacheRow(done, row) for row, p in enumerate(places[~is_open].tolist())}
            cache.batch_select_indices(is_open.nonzero()[:, 0])
            token, places, is_open = token[is_open], places[is_open], is_open[is_open]
        out = policy.model(input_ids=token[:, None], past_key_values=cache, use_cache=True)
        hidden = out.last_hidden_state
    policy.train(was_training)
    if keep:
        kept |= {place: CacheRow(cache, row) for row, place in enumerate(places.tolist())}
    ids = [row[: row.index(end) + 1] if end in row else row for row in tokens.tolist()]
    return Generated(ids, [kept[row] for row in range(len(ids)) if keep])


def _truncate(logits: Tensor, top_k: int) -> Tensor:
    """Leave the `top_k` likeliest tokens (and ties with the last of them); 0: all."""
    if not 0 < top_k < logits.shape[-1]:
        return logits
    least = logits.topk(top_k).values[:, -1:]
    return logits.masked_fill(logits < least, -torch.inf)


def _draw(logits: Tensor, uniform: Tensor) -> Tensor:
    """Draw a token a row by its uniform number (rows, 1); multinomial would draw one a token."""
    cumulated = logits.softmax(-1, dtype=torch.float64).cumsum(-1)
    place = torch.searchsorted(cumulated, uniform.to(cumulated) * cumulated[:, -1:], right=True)
    return place[:, 0].clamp(max=logits.shape[-1] - 1)


def uniform_numbers(seed: int, name: str, completions: int, tokens: int) -> Tensor:
    """Numbers 0..1, float64 (completions, tokens), that depend on seed and name alone.

    So a completion depends neither on the other clips of its batch nor on the number of processes.
    """
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
    return torch.rand((completions, tokens), generator=generator, dtype=torch.float64)


def rows_of(cache: DynamicCache, chosen: Tensor | slice, length: int | None = None) -> DynamicCache:
    """A cache of the chosen rows, and of their first `length` tokens; None: of all."""
    own = DynamicCache()
    for number, layer in enumerate(cache.layers):
        keys, values = (part[chosen, :, :length] for part in (layer.keys, layer.values))
        own.update(keys, values, number)
    return own


class _PreallocatedLayer(DynamicLayer):
    """A DynamicLayer whose `keys` and `values` are the filled part of a larger tensor.

    Methods that replace them (a selection of rows) drop the buffers; the next update allocates new
    ones.
    """

    _buffers: tuple[Tensor, Tensor] | None = None

    def update(
        self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any
    ) -> tuple[Tensor, Tensor]:
        """Append (rows, heads, tokens, size); returns all keys and values."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self.keys, self.values = key_states, value_states
            return self.keys, self.values
        before = self.keys.shape[-2]
        filled = before + key_states.shape[-2]
        if self._buffers is None or not _lies_in(self.keys, self._buffers[0], filled):
            self._buffers = (_with_space(self.keys, filled), _with_space(self.values, filled))
        keys, values = self._buffers
        keys[..., before:filled, :] = key_states
        values[..., before:filled, :] = value_states
        self.keys, self.values = keys[..., :filled, :], values[..., :filled, :]
        return self.keys, self.values


def _lies_in(part: Tensor, buffer: Tensor, filled: int) -> bool:
    same = part.data_ptr() == buffer.data_ptr() and part.shape[0] == buffer.shape[0]
    return same and filled <= buffer.shape[-2]


def _with_space(part: Tensor, filled: int) -> Tensor:
    buffer = part.new_empty((*part.shape[:-2], filled + SPARE_TOKENS, part.shape[-1]))
    buffer[..., : part.shape[-2], :] = part
    return buffer


def preallocated_cache() -> DynamicCache:
    """An empty cache with such layers."""
    cache = DynamicCache()
    cache.layer_class_to_replicate = _PreallocatedLayer
    return cache


def join_caches(caches: Sequence[DynamicCache]) -> DynamicCache:
    """The rows of all caches, equally long, one after the other; empties the caches."""
    if len(caches) == 1:
        return caches[0]
    joined = preallocated_cache()
    for number in range(len(caches[0].layers)):
        layers = [cache.layers.pop(0) for cache in caches]  # each is free once it is copied
        keys, values = (
            torch.cat([getattr(a, name) for a in layers]) for name in ("keys", "values")
        )
        joined.update(keys, values, number)
    return joined
