"""Log-probabilities of tokens, without the logits of all of them at once.

A vocabulary of 151,674 makes the logits of 800 tokens 0.5 GB in float32, and several times that in
backward. So the head runs over a few tokens at a time, and again in backward.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint
from transformers.utils import ModelOutput

TOKENS_AT_A_TIME = 128  # 78 MB of float32 logits with InternVL3's vocabulary


@dataclass
class CompletionScores(ModelOutput):
    """Scores of the tokens of completions, in nats: float32 (completions, tokens) each.

    Log-probabilities, and entropies of the distributions that tokens were drawn from. They are 0
    where a completion is padded, on the right.
    """

    log_probs: Tensor
    entropies: Tensor = None  # type: ignore[assignment] # transformers wants a default


def score_tokens(
    head: Callable[[Tensor], Tensor], hidden: Tensor, ids: Tensor, temperature: float
) -> list[Tensor]:
    """Score tokens by the hidden states that predict them.

    Args:
        head: hidden states (tokens, hidden) → logits (tokens, vocabulary), minus infinity where a
            token cannot be sampled.
        hidden: (tokens, hidden).
        ids: the tokens of the completions (tokens,).
        temperature: what logits are divided by, as in sampling.

    Returns:
        Log-probabilities and entropies, float32 (tokens,) each; entropies carry no gradient.
    """
    parts = [
        checkpoint(_score, head, *part, temperature, use_reentrant=False)
        for part in zip(hidden.split(TOKENS_AT_A_TIME), ids.split(TOKENS_AT_A_TIME), strict=True)
    ]
    return [torch.cat(part) for part in zip(*parts, strict=True)]


def _score(
    head: Callable[[Tensor], Tensor], hidden: Tensor, ids: Tensor, temperature: float
) -> tuple[Tensor, Tensor]:
    logits = head(hidden).float() / temperature
    total = logits.logsumexp(-1)
    chosen = logits.gather(-1, ids[:, None])[:, 0] - total
    with torch.no_grad():
        entropy = torch.special.entr(logits.softmax(-1)).sum(-1)  # of p = 0 it is 0
    return chosen, entropy
