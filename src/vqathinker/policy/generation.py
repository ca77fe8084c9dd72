"""Completions of a policy: each distinct prompt is run once, whatever the size of its group."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import DynamicCache

from vqathinker.policy.model import VQAThinkerForConditionalGeneration

__all__ = ["EncodedPrompts", "Generated", "generate", "generate_with_cache"]


class EncodedPrompts(NamedTuple):
    """Prompts of equal length with what they show.

    `input_ids` (prompts, length), `frame_features` (prompts, frames, K, hidden) and
    `motion_features` (prompts, dim) as the policy's encoders give them.
    """

    input_ids: Tensor
    frame_features: Tensor
    motion_features: Tensor

    @staticmethod
    def concatenate(parts: Sequence["EncodedPrompts"]) -> "EncodedPrompts":
        """The prompts of all parts, one after the other."""
        return EncodedPrompts(*(torch.cat(field) for field in zip(*parts, strict=True)))


class Generated(NamedTuple):
    """Completions as token ids, and the keys and values of their prompts and of their tokens.

    Row i of `cache` is completion i: its prompt, then its tokens but for the last one drawn.
    """

    ids: list[list[int]]
    cache: DynamicCache


def generate(
    policy: VQAThinkerForConditionalGeneration,
    prompts: EncodedPrompts,
    rows: Tensor,
    max_new_tokens: int,
    end: int,
    temperature: float = 0.0,
    draws: torch.Generator | Tensor | None = None,
) -> list[list[int]]:
    """Complete prompts; completion i answers prompt `rows[i]`.

    Args:
        end: the token that ends a completion; it is kept as the last one.
        temperature: 0 takes the likeliest token each time, else tokens are drawn with `draws`.
        draws: a generator, or numbers 0..1 (completions, max_new_tokens): with these a completion
            does not depend on the others.

    Returns:
        Token ids of each completion, at most `max_new_tokens`.

    Raises:
        ValueError: `temperature` is above 0 and there are no draws.
    """
    return generate_with_cache(policy, prompts, rows, max_new_tokens, end, temperature, draws).ids


@torch.no_grad()
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
    if temperature > 0 and draws is None:
        raise ValueError(f"temperature {temperature} draws tokens; pass a torch.Generator")
    was_training = policy.training
    policy.eval()
    cache, hidden = policy.prefill(prompts.input_ids, None, *prompts[1:])
    cache.batch_select_indices(rows)
    hidden = hidden[rows]
    drawn: list[Tensor] = []
    open_rows = torch.ones(len(rows), dtype=torch.bool, device=rows.device)
    for step in range(max_new_tokens):
        logits = policy.lm_head(hidden[:, -1]).float()
        logits[:, policy.config.image_token_id] = -torch.inf
        token = _next_token(logits, temperature, draws, step)
        drawn.append(torch.where(open_rows, token, end))
        open_rows = open_rows & (token != end)
        if not bool(open_rows.any()) or step + 1 == max_new_tokens:
            break
        out = policy.model(input_ids=drawn[-1][:, None], past_key_values=cache, use_cache=True)
        hidden = out.last_hidden_state
    policy.train(was_training)
    return Generated([_cut_behind(ids, end) for ids in torch.stack(drawn, 1).tolist()], cache)


def _next_token(
    logits: Tensor, temperature: float, draws: torch.Generator | Tensor | None, step: int
) -> Tensor:
    if temperature == 0:
        return logits.argmax(-1)
    # One uniform number a row against the cumulated probabilities: multinomial draws one a token.
    heights = (logits / temperature).softmax(-1, dtype=torch.float64).cumsum(-1)
    if isinstance(draws, Tensor):
        drawn = draws[:, step, None].to(heights)
    else:
        size = (len(logits), 1)
        drawn = torch.rand(size, generator=draws, dtype=heights.dtype, device=logits.device)
    place = torch.searchsorted(heights, drawn * heights[:, -1:], right=True)[:, 0]
    return place.clamp(max=logits.shape[-1] - 1)


def _cut_behind(ids: list[int], end: int) -> list[int]:
    return ids[: ids.index(end) + 1] if end in ids else ids
