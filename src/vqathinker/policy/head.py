"""Log-probabilities of tokens, computed in chunks so that logits need little memory.

With a vocabulary of 151,674, the float32 logits of 800 tokens take 0.5 GB, and backward several
times that. So the head runs on a few tokens at a time, and is recomputed in backward.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint
from transformers.utils import ModelOutput

TOKENS_PER_CHUNK = 128  # 78 MB of float32 logits with InternVL3's vocabulary


@dataclass
class CompletionScores(ModelOutput):
    """Log-probabilities of completion tokens, and entropies of the distributions, in nats.

    Both are float32 (completions, tokens), and 0 where a completion is padded on the right.
    """

    log_probs: Tensor
    entropies: Tensor = None  # type: ignore[assignment] # ModelOutput requires a default


def score_tokens(
    head: Callable[[Tensor], Tensor], hidden: Tensor, ids: Tensor, temperature: float
) -> list[Tensor]:
    """Log-probabilities and entropies of tokens, float32 (tokens,) each.

    Args:
        head: hidden states (tokens, hidden) → logits (tokens, vocabulary).
        hidden: the states (tokens, hidden) that predict the tokens.
        ids: the tokens (tokens,).
        temperature: divides the logits, as in sampling.
    """
    parts = [
        checkpoint(_score, head, *chunk, temperature, use_reentrant=False)
        for chunk in zip(hidden.split(TOKENS_PER_CHUNK), ids.split(TOKENS_PER_CHUNK), strict=True)
    ]
    return [torch.cat(part) for part in zip(*parts, strict=True)]


def _score(
    head: Callable[[Tensor], Tensor], hidden: Tensor, ids: Tensor, temperature: float
) -> tuple[Tensor, Tensor]:
    logits = head(hidden).float() / temperature  # (chunk, vocabulary)
    log_probs = logits.gather(-1, ids[:, None])[:, 0] - logits.logsumexp(-1)
    with torch.no_grad():  # entropies are only logged
        # entr is 0 at p = 0, where -p log p would be NaN: tokens that are never sampled.
        entropies = torch.special.entr(logits.softmax(-1)).sum(-1)
    return log_probs, entropies
