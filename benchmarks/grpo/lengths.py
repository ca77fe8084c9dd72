"""Force the lengths of completions, so that all variants generate the same number of tokens."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


@contextmanager
def forced_lengths(head: nn.Module, lengths: Tensor, end: int) -> Iterator[None]:
    """Within this context, completion i ends with its token number `lengths[i]`.

    A hook on the language model's head, which is called once per token for all rows. Rows that have
    ended may leave the batch: n remaining rows must be the n longest.
    """
    tokens = 0

    def force(_: nn.Module, __: Any, logits: Tensor) -> None:
        nonlocal tokens
        tokens += 1
        longest = torch.argsort(lengths, descending=True, stable=True)[: len(logits)]
        ended = (lengths[longest.sort().values] <= tokens).to(logits.device)[:, None]
        last = logits if logits.ndim == 2 else logits[:, -1]  # a view
        others = torch.arange(last.shape[1], device=logits.device) != end
        last.masked_fill_(ended == others, -torch.inf)

    handle = head.register_forward_hook(force)
    try:
        yield
    finally:
        handle.remove()
