"""Limits of the machine: measured floating-point operations and bytes per second."""

import time
from collections.abc import Callable

import torch
from torch import Tensor

from grpo.shapes import Shape
from grpo.step import Policy

_PASSES = {
    "prefill": 1,
    "decode": 1,
    "reference": 1,
    "forward": 4,
}  # forward, recomputed, and backward


def matrix_rate(device: torch.device) -> float:
    """Operations per second of a large matrix product, in the precision of the policy."""
    gpu = device.type == "cuda"
    size, dtype = (8192, torch.bfloat16) if gpu else (1024, torch.float32)
    left = torch.randn(size, size, device=device, dtype=dtype)
    return 2 * size**3 / _shortest(lambda: left @ left, device)


def bandwidth(device: torch.device) -> float:
    """Bytes per second, read plus written, of a copy larger than any cache."""
    size = 2**31 if device.type == "cuda" else 2**28
    source = torch.ones(size, device=device, dtype=torch.uint8)
    target = torch.empty_like(source)
    return 2 * size / _shortest(lambda: target.copy_(source), device)


def language_weights(shape: Shape) -> int:
    """Weights that each token uses: layers and head of the language model, no embeddings."""
    with torch.device("meta"):
        policy = Policy(shape.config)
    body = policy.model.language_model
    return sum(w.numel() for part in (body.layers, policy.lm_head) for w in part.parameters())


def least_tokens(shape: Shape, copies: int) -> dict[str, int]:
    """Tokens of a step that computes each prompt once per pass, without padding.

    The last token of a completion is sampled but not fed.
    """
    prompt, videos = len(shape.prompt()), shape.videos
    raw = int((shape.drawn_lengths(videos * shape.group, seed=0) - 1).sum())
    perturbed = int((shape.drawn_lengths(videos * copies, seed=1) - 1).sum())
    one_pass = videos * prompt + raw
    return {
        "prefill": videos * (1 + copies) * prompt, "decode": raw + perturbed,
        "reference": one_pass, "forward": one_pass,
    }  # fmt: skip


def least_operations(shape: Shape, copies: int) -> float:
    """Operations of that step in the language model's matrices, with gradient checkpointing.

    Attention, image encoder and motion branch are not included; the head also counts for prompts.
    """
    tokens = least_tokens(shape, copies)
    return 2.0 * language_weights(shape) * sum(_PASSES[name] * n for name, n in tokens.items())


def _shortest(work: Callable[[], Tensor], device: torch.device, times: int = 10) -> float:
    seconds = []
    for _ in range(times):
        _wait(device)
        start = time.perf_counter()
        work()
        _wait(device)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
