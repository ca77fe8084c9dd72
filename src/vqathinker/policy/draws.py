"""Uniform numbers that tokens are drawn with: of one clip, whatever else stands in its batch."""

import hashlib

import torch
from torch import Tensor

__all__ = ["uniform_numbers"]


def uniform_numbers(seed: int, name: str, completions: int, tokens: int) -> Tensor:
    """Numbers 0..1, float64 (completions, tokens), that depend on nothing but seed and name.

    So a completion is the same whichever clips it is drawn beside, and in however many processes.
    """
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
    return torch.rand((completions, tokens), generator=generator, dtype=torch.float64)
