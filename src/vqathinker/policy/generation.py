"""Completions of a policy: each distinct prompt is run once, whatever the size of its group."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import DynamicCache

from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.policy.portions import rows_at_a_time
from vqathinker.policy.roomy_cache import join_caches, roomy_cache

__all__ = ["EncodedPrompts", "Generated", "Remembered", "generate", "generate_with_cache"]
__all__ += ["prefill"]

_LEAVING = 0.25  # share of a batch that has answered, from which on it is worth being cut down


class EncodedPrompts(NamedTuple):
    """Prompts of equal length with what they show.

    `input_ids` (prompts, length), `frame_features` (prompts, frames, K, hidden) and
    `motion_features` (prompts, dim) as the policy's encoders give them; dim is 0 without a motion
    token.
    """

    input_ids: Tensor
    frame_features: Tensor
    motion_features: Tensor

    @staticmethod
    def concatenate(parts: Sequence["EncodedPrompts"]) -> "EncodedPrompts":
        """The prompts of all parts, one after the other."""
        return EncodedPrompts(*(torch.cat(field) for field in zip(*parts, strict=True)))


class Remembered(NamedTuple):
    """Where the keys and values of a completion lie: a row of a cache."""

    cache: DynamicCache
    row: int


class Generated(NamedTuple):
    """Completions as token ids, and the keys and values of their prompts and of their tokens.

    `remembered` holds of completion i its prompt, then its tokens but for the last one drawn, and
    maybe more behind them; it is empty where nothing is to be kept.
    """

    ids: list[list[int]]
    remembered: list[Remembered]


class _Sampling(NamedTuple):
    """How the next token is chosen, as `generate` takes it."""

    temperature: float
    draws: torch.Generator | Tensor | None
    top_k: int = 0


@torch.no_grad()
def prefill(
    policy: VQAThinkerForConditionalGeneration, prompts: EncodedPrompts
) -> tuple[DynamicCache, Tensor]:
    """Run the prompts once, in portions: keys and values, and last states (prompts, 1, hidden)."""
    at_once = rows_at_a_time(prompts.input_ids.shape[1])
    caches, hidden = [], []
    for some in zip(*(part.split(at_once) for part in prompts), strict=True):
        shown = EncodedPrompts(*some)._asdict()
        out = policy.model(**shown, past_key_values=roomy_cache(), use_cache=True)
        caches.append(out.past_key_values)
        hidden.append(out.last_hidden_state[:, -1:])
    return join_caches(caches), torch.cat(hidden)


def generate(
    policy: VQAThinkerForConditionalGeneration,
    prompts: EncodedPrompts,
    rows: Tensor,
    max_new_tokens: int,
    end: int,
    temperature: float = 0.0,
    draws: torch.Generator | Tensor | None = None,
    top_k: int = 0,
) -> list[list[int]]:
    """Complete prompts; completion i answers prompt `rows[i]`.

    Args:
        end: the token that ends a completion; it is kept as the last one.
        temperature: 0 takes the likeliest token each time, else tokens are drawn with `draws`.
        draws: a generator, or numbers 0..1 (completions, max_new_tokens): with these a completion
            does not depend on the others.
        top_k: how many of the likeliest tokens are drawn from; 0: the whole vocabulary.

    Returns:
        Token ids of each completion, at most `max_new_tokens`.

    Raises:
        ValueError: `temperature` is above 0 and there are no draws.
    """
    how = _Sampling(temperature, draws, top_k)
    return _complete(policy, prompts, rows, max_new_tokens, end, how, keep=False).ids


def generate_with_cache(
    policy: VQAThinkerForConditionalGeneration,
    prompts: EncodedPrompts,
    rows: Tensor,
    max_new_tokens: int,
    end: int,
    temperature: float = 0.0,
    draws: torch.Generator | Tensor | None = None,
) -> Generated:
    """As `generate`, with what attention remembers, for looking again at what was said."""
    how = _Sampling(temperature, draws)
    return _complete(policy, prompts, rows, max_new_tokens, end, how, keep=True)


@torch.no_grad()
def _complete(
    policy: VQAThinkerForConditionalGeneration, prompts: EncodedPrompts, rows: Tensor,
    max_new_tokens: int, end: int, how: _Sampling, *, keep: bool,
) -> Generated:  # fmt: skip
    if how.temperature > 0 and how.draws is None:
        raise ValueError(f"temperature {how.temperature} draws tokens; pass a torch.Generator")
    was_training = policy.training
    policy.eval()
    cache, hidden = prefill(policy, prompts)
    cache.batch_select_indices(rows)
    hidden = hidden[rows]
    said = torch.full((len(rows), max_new_tokens), end, device=hidden.device)
    places = torch.arange(len(rows), device=hidden.device)  # completions still in the batch
    is_open = torch.ones_like(places, dtype=torch.bool)
    kept: dict[int, Remembered] = {}
    for step in range(max_new_tokens):
        logits = policy.next_logits(hidden[:, -1])
        heights = _heights(how.draws, len(rows), step, places) if how.temperature else None
        drawn = _next_token(_truncated(logits, how.top_k), how.temperature, heights)
        token = torch.where(is_open, drawn, end)
        said[places, step] = token
        is_open &= token != end
        answered = len(places) - int(is_open.sum())
        if answered == len(places) or step + 1 == max_new_tokens:
            break
        if answered >= _LEAVING * len(places):
            if keep:
                kept |= _remember(_rows_of(cache, ~is_open), places[~is_open])
            cache.batch_select_indices(is_open.nonzero()[:, 0])
            token, places, is_open = token[is_open], places[is_open], is_open[is_open]
        out = policy.model(input_ids=token[:, None], past_key_values=cache, use_cache=True)
        hidden = out.last_hidden_state
    policy.train(was_training)
    if keep:
        kept |= _remember(cache, places)
    ids = [_cut_behind(row, end) for row in said.tolist()]
    return Generated(ids, [kept[row] for row in range(len(ids)) if keep])


def _remember(cache: DynamicCache, places: Tensor) -> dict[int, Remembered]:
    return {place: Remembered(cache, row) for row, place in enumerate(places.tolist())}


def _rows_of(cache: DynamicCache, chosen: Tensor) -> DynamicCache:
    own = DynamicCache()
    for number, layer in enumerate(cache.layers):
        own.update(layer.keys[chosen], layer.values[chosen], number)
    return own


def _heights(
    draws: torch.Generator | Tensor | None, rows: int, step: int, places: Tensor
) -> Tensor | None:
    """One number 0..1 (places, 1) for each completion in the batch. A generator draws for those
    that have left, too: what the others say does not depend on when they did."""
    if draws is None:
        return None
    if isinstance(draws, Tensor):
        return draws[:, step, None].to(places.device)[places]
    drawn = torch.rand((rows, 1), generator=draws, dtype=torch.float64, device=draws.device)
    return drawn.to(places.device)[places]


def _truncated(logits: Tensor, top_k: int) -> Tensor:
    """Leave the `top_k` likeliest tokens (and ties with the last of them); 0: all."""
    if not 0 < top_k < logits.shape[-1]:
        return logits
    least = logits.topk(top_k).values[:, -1:]
    return logits.masked_fill(logits < least, -torch.inf)


def _next_token(logits: Tensor, temperature: float, heights: Tensor | None) -> Tensor:
    if heights is None:
        return logits.argmax(-1)
    # One uniform number a row against the cumulated probabilities: multinomial draws one a token.
    stairs = (logits / temperature).softmax(-1, dtype=torch.float64).cumsum(-1)
    place = torch.searchsorted(stairs, heights.to(stairs) * stairs[:, -1:], right=True)[:, 0]
    return place.clamp(max=logits.shape[-1] - 1)


def _cut_behind(ids: list[int], end: int) -> list[int]:
    return ids[: ids.index(end) + 1] if end in ids else ids
