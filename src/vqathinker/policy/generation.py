"""Generate completions. Each distinct prompt is prefilled once, whatever its group size.

transformers' DynamicCache copies all keys and values at every token. For 16 completions of prompts
of 1,700 tokens this takes most of a step on the CPU. The cache below allocates memory for more
tokens and writes in place, which is why generation has no gradient.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from vqathinker.policy.model import VQAThinkerForConditionalGeneration, rows_per_chunk

_COMPACT_THRESHOLD = 0.25  # of a batch: once this share has ended, those completions leave it
CACHE_GROWTH_TOKENS = 128  # for which a layer of the cache allocates memory in advance


class EncodedPrompts(NamedTuple):
    """Prompts of equal length, each with the encoded clip that it asks about."""

    input_ids: Tensor  # (prompts, length)
    frame_features: Tensor  # (prompts, frames, K, 4 x vision width)
    motion_features: Tensor  # (prompts, dim), or (prompts, 0) without a motion token

    @staticmethod
    def concatenate(parts: Sequence["EncodedPrompts"]) -> "EncodedPrompts":
        """The prompts of all parts, in order."""
        return EncodedPrompts(*(torch.cat(field) for field in zip(*parts, strict=True)))


class Sampling(NamedTuple):
    """How tokens are sampled. `top_k` 0 samples from the whole vocabulary."""

    uniform: Tensor  # (completions, max_new_tokens) random numbers in 0..1
    temperature: float = 1.0
    top_k: int = 0


class CacheRow(NamedTuple):
    """One completion's keys and values: a row of a cache that it shares with others."""

    cache: DynamicCache
    row: int


class Generated(NamedTuple):
    """Token ids of completions and, if requested, their keys and values.

    A cache row holds the prompt, then the completion without its last token. Columns after these
    are arbitrary.
    """

    ids: list[list[int]]
    caches: list[CacheRow]


@torch.no_grad()
def prefill(
    policy: VQAThinkerForConditionalGeneration, prompts: EncodedPrompts
) -> tuple[DynamicCache, Tensor]:
    """Keys and values of the prompts, and their last hidden states (prompts, 1, hidden)."""
    rows = rows_per_chunk(prompts.input_ids.shape[1])
    caches, hidden = [], []
    for chunk in zip(*(part.split(rows) for part in prompts), strict=True):
        inputs = EncodedPrompts(*chunk)._asdict()
        out = policy.model(**inputs, past_key_values=preallocated_cache(), use_cache=True)
        caches.append(out.past_key_values)
        hidden.append(out.last_hidden_state[:, -1:])
    return concatenate_caches(caches), torch.cat(hidden)


@torch.no_grad()
def generate(
    policy: VQAThinkerForConditionalGeneration,
    prompts: EncodedPrompts,
    rows: Tensor,
    max_new_tokens: int,
    end_token: int,
    sampling: Sampling | None = None,
    *,
    keep_cache: bool = False,
) -> Generated:
    """Complete prompts.

    Args:
        rows: the prompt of each completion (completions,).
        end_token: ends a completion, and is its last token.
        sampling: None decodes greedily.
        keep_cache: whether to return keys and values.
    """
    was_training = policy.training
    policy.eval()
    cache, hidden = prefill(policy, prompts)
    cache.batch_select_indices(rows)  # a group shares its prefilled prompt
    hidden = hidden[rows]
    tokens = torch.full((len(rows), max_new_tokens), end_token, device=hidden.device)
    active = torch.arange(len(rows), device=hidden.device)  # completions still in the batch
    is_open = torch.ones_like(active, dtype=torch.bool)  # (active,) not ended yet
    kept: dict[int, CacheRow] = {}
    for step in range(max_new_tokens):
        logits = policy.next_logits(hidden[:, -1])  # (active, vocabulary)
        if sampling is None:
            token = logits.argmax(-1)
        else:
            uniform = sampling.uniform[:, step, None].to(active.device)[active]
            token = _sample(_keep_top_k(logits, sampling.top_k) / sampling.temperature, uniform)
        token = torch.where(is_open, token, end_token)
        tokens[active, step] = token
        is_open &= token != end_token
        ended = len(active) - int(is_open.sum())
        if ended == len(active) or step + 1 == max_new_tokens:
            break
        # Removing rows copies the cache, so it waits until enough completions have ended.
        if ended >= _COMPACT_THRESHOLD * len(active):
            if keep_cache:
                done = select_rows(cache, ~is_open)
                kept |= {n: CacheRow(done, row) for row, n in enumerate(active[~is_open].tolist())}
            cache.batch_select_indices(is_open.nonzero()[:, 0])
            token, active, is_open = token[is_open], active[is_open], is_open[is_open]
        out = policy.model(input_ids=token[:, None], past_key_values=cache, use_cache=True)
        hidden = out.last_hidden_state
    policy.train(was_training)
    if keep_cache:
        kept |= {number: CacheRow(cache, row) for row, number in enumerate(active.tolist())}
    ids = [row[: row.index(end_token) + 1] if end_token in row else row for row in tokens.tolist()]
    return Generated(ids, [kept[number] for number in range(len(ids)) if keep_cache])


def _keep_top_k(logits: Tensor, top_k: int) -> Tensor:
    if not 0 < top_k < logits.shape[-1]:
        return logits
    lowest = logits.topk(top_k).values[:, -1:]  # tokens that tie with it are kept, too
    return logits.masked_fill(logits < lowest, -torch.inf)


def _sample(logits: Tensor, uniform: Tensor) -> Tensor:
    """One token per row, by inverting the CDF at `uniform` (rows, 1)."""
    # torch.multinomial would consume one random number per vocabulary entry.
    cdf = logits.softmax(-1, dtype=torch.float64).cumsum(-1)
    token = torch.searchsorted(cdf, uniform.to(cdf) * cdf[:, -1:], right=True)
    return token[:, 0].clamp(max=logits.shape[-1] - 1)


def uniform_numbers(seed: int, name: str, completions: int, tokens: int) -> Tensor:
    """Numbers 0..1, float64 (completions, tokens), that depend on `seed` and `name` only.

    A completion thus depends neither on the other clips of its batch nor on the number of
    processes.
    """
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
    return torch.rand((completions, tokens), generator=generator, dtype=torch.float64)


def select_rows(
    cache: DynamicCache, rows: Tensor | slice, length: int | None = None
) -> DynamicCache:
    """Copy rows of a cache, and of those the first `length` tokens (None: all)."""
    selected = DynamicCache()
    for number, layer in enumerate(cache.layers):
        keys, values = (part[rows, :, :length] for part in (layer.keys, layer.values))
        selected.update(keys, values, number)
    return selected


class _PreallocatedLayer(DynamicLayer):
    """A DynamicLayer whose `keys` and `values` are the filled part of larger buffers.

    Methods that replace them, such as a selection of rows, make the buffers obsolete. The next
    update allocates new ones.
    """

    _buffers: tuple[Tensor, Tensor] | None = None

    def update(
        self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any
    ) -> tuple[Tensor, Tensor]:
        """Append (rows, heads, tokens, size) and return all keys and values."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self.keys, self.values = key_states, value_states
            return self.keys, self.values
        before = self.keys.shape[-2]
        filled = before + key_states.shape[-2]
        if self._buffers is None or not _is_view(self.keys, self._buffers[0], filled):
            self._buffers = (_allocate(self.keys, filled), _allocate(self.values, filled))
        keys, values = self._buffers
        keys[..., before:filled, :] = key_states
        values[..., before:filled, :] = value_states
        self.keys, self.values = keys[..., :filled, :], values[..., :filled, :]
        return self.keys, self.values


def _is_view(part: Tensor, buffer: Tensor, filled: int) -> bool:
    same = part.data_ptr() == buffer.data_ptr() and part.shape[0] == buffer.shape[0]
    return same and filled <= buffer.shape[-2]


def _allocate(part: Tensor, filled: int) -> Tensor:
    buffer = part.new_empty((*part.shape[:-2], filled + CACHE_GROWTH_TOKENS, part.shape[-1]))
    buffer[..., : part.shape[-2], :] = part
    return buffer


def preallocated_cache() -> DynamicCache:
    """An empty cache that grows in place."""
    cache = DynamicCache()
    cache.layer_class_to_replicate = _PreallocatedLayer
    return cache


def concatenate_caches(caches: Sequence[DynamicCache]) -> DynamicCache:
    """The rows of all caches, which must be equally long. Empties the caches."""
    if len(caches) == 1:
        return caches[0]
    joined = preallocated_cache()
    for number in range(len(caches[0].layers)):
        layers = [cache.layers.pop(0) for cache in caches]  # frees each layer once it is copied
        keys, values = (
            torch.cat([getattr(layer, name) for layer in layers]) for name in ("keys", "values")
        )
        joined.update(keys, values, number)
    return joined
