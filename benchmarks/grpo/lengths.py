"""Completions of lengths given ahead, so that every way of doing a step makes the same tokens."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


@contextmanager
def forced_lengths(head: nn.Module, lengths: Tensor, end: int) -> Iterator[None]:
    """While it holds, completion i ends with its token number `lengths[i]` and not before.

    A hook on the language model's head, which is called once for each token of all rows. Rows that
    have ended may leave the batch: of n rows that are left, it takes the n longest.
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
