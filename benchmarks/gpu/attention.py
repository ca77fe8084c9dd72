"""Cost of attention, with gradient, when the completions of a group share their prompt, by kernel.

Queries, keys and values are those of one layer of InternVL3-8B's language model, for one video: a
prompt of 1,687 tokens and four completions of 100 to 200. Baseline, measured in the same run: one
row per completion with its whole prompt, with SDPA's causal kernel. Compared with one packed row
[prompt, completion 1 … G], in which completions attend to the prompt and themselves: SDPA with a
mask, and compiled FlexAttention with a block mask, which has no backward pass on the CPU. Outputs
and gradients are compared, too.

    python benchmarks/gpu/attention.py --output attention.json
    python benchmarks/gpu/attention.py --tiny --output attention.json
"""

import argparse
import json
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention
from torch.nn.functional import scaled_dot_product_attention

from vqathinker.policy.machine import describe_machine

BASELINE = "plain rows, sdpa"


class Size(NamedTuple):
    """Sizes of a layer, a prompt and its completions."""

    heads: int
    key_heads: int
    width: int  # of a head
    prompt: int  # tokens
    completions: tuple[int, ...]  # tokens of each


PAPER = Size(28, 4, 128, 1687, (186, 127, 200, 143))
TINY = Size(4, 2, 32, 60, (7, 3, 5, 8))


class Packed(NamedTuple):
    """Input of attention for a packed row."""

    query: Tensor  # (1, heads, tokens, width)
    key: Tensor  # (1, key heads, tokens, width)
    value: Tensor  # (1, key heads, tokens, width)


Attend = Callable[[Packed], Tensor]


def main() -> None:
    """Measure all kernels of the device and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--tiny", action="store_true", help="a few tokens, as a test")
    parser.add_argument("--videos", type=int, default=1, help="number of videos in one row")
    parser.add_argument(
        "--repeats", type=int, default=20, help="number of measurements; the fastest counts"
    )
    arguments = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    size = TINY if arguments.tiny else PAPER
    segments = segments_of(size, arguments.videos).to(device)
    packed = _draw(size, len(segments[0]), device)
    rows = plain_rows(size, segments)
    kernels, skipped = _kernels(segments, device)
    works = {BASELINE: (_attend_rows, _gather(packed, rows))}
    works |= {name: (attend, packed) for name, attend in kernels.items()}
    seconds = {name: _time(*work, arguments.repeats) for name, work in works.items()}
    expected = _with_gradient(lambda given: _merged(given, rows), packed)
    base = seconds[BASELINE]
    report = {
        "what": "attention of one layer over a group's prompt and completions",
        "ratios": {
            name: {what: base[what] / value for what, value in times.items()}
            for name, times in seconds.items()
            if name != BASELINE
        },
        "seconds": seconds,
        "counts": size._asdict() | {"videos": arguments.videos, "packed_tokens": len(segments[0])},
        "largest_difference": {
            name: max(map(_difference, _with_gradient(attend, packed), expected))
            for name, attend in kernels.items()
        },
        "skipped": skipped,
        "machine": describe_machine(),
        "versions": {"python": platform.python_version(), "torch": version("torch")},
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps({"ratios": report["ratios"], "skipped": skipped}, indent=2))  # noqa: T201


def segments_of(size: Size, videos: int) -> Tensor:
    """Video and completion (0: the prompt) of each token of a packed row (2, tokens)."""
    parts = [(0, size.prompt), *enumerate(size.completions, start=1)]
    completion = torch.cat([torch.full((length,), number) for number, length in parts])
    video = torch.arange(videos).repeat_interleave(len(completion))
    return torch.stack([video, completion.repeat(videos)])


def attends(video: Tensor, completion: Tensor, query: Tensor, key: Tensor) -> Tensor:
    """Whether a query attends to a key: its prompt, and earlier tokens of its completion."""
    own = (completion[key] == 0) | (completion[key] == completion[query])
    return (query >= key) & (video[query] == video[key]) & own


def _time(attend: Attend, given: Packed, repeats: int) -> dict[str, float]:
    forward, _ = clock(lambda: attend(given), repeats)
    both, _ = clock(lambda: _with_gradient(attend, given), repeats)
    return {"forward": forward, "forward and backward": both}


def _kernels(segments: Tensor, device: torch.device) -> tuple[dict[str, Attend], dict[str, str]]:
    place = torch.arange(len(segments[0]), device=device)
    mask = attends(*segments, place[:, None], place[None])
    kernels: dict[str, Attend] = {
        "packed row, sdpa with a mask": lambda packed: _masked(packed, mask),
    }
    if device.type != "cuda":
        return kernels, {"packed row, flex": "FlexAttention has no backward pass on the CPU"}
    blocks = create_block_mask(
        lambda _, __, query, key: attends(*segments, query, key),
        None, None, len(place), len(place), device=device,
    )  # fmt: skip
    flex = torch.compile(flex_attention)
    kernels["packed row, flex"] = lambda packed: _flex(flex, packed, blocks)
    return kernels, {}


def plain_rows(size: Size, segments: Tensor) -> list[Tensor]:
    """Indices in the packed row of each completion and its prompt."""
    video, completion = segments
    return [
        torch.nonzero((video == number) & ((completion == 0) | (completion == one)))[:, 0]
        for number in range(int(video.max()) + 1)
        for one in range(1, len(size.completions) + 1)
    ]


def _gather(packed: Packed, rows: list[Tensor]) -> Packed:
    """One row per completion with its prompt, padded on the right."""
    places = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    gathered = (part.detach()[0][:, places].transpose(0, 1).contiguous() for part in packed)
    return Packed(*(part.requires_grad_() for part in gathered))


def _attend_rows(rows: Packed) -> Tensor:
    return scaled_dot_product_attention(*rows, is_causal=True, enable_gqa=True)


def _merged(packed: Packed, rows: list[Tensor]) -> Tensor:
    """The output of plain rows in the order of the packed row."""
    out = torch.zeros_like(packed.query)
    for places in rows:
        row = _attend_rows(Packed(*(part[:, :, places] for part in packed)))
        out = out.index_copy(2, places, row)
    return out


def _masked(packed: Packed, mask: Tensor) -> Tensor:
    return scaled_dot_product_attention(*packed, attn_mask=mask, enable_gqa=True)


def _flex(flex: Callable[..., Tensor], packed: Packed, blocks: BlockMask) -> Tensor:
    return flex(*packed, block_mask=blocks, enable_gqa=True)


def _draw(size: Size, tokens: int, device: torch.device) -> Packed:
    generator = torch.Generator(device).manual_seed(0)
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    shapes = [(1, heads, tokens, size.width) for heads in (size.heads, *[size.key_heads] * 2)]
    drawn = [torch.randn(s, generator=generator, device=device, dtype=dtype) for s in shapes]
    return Packed(*(part.requires_grad_() for part in drawn))


def _with_gradient(attend: Attend, packed: Packed) -> list[Tensor]:
    out = attend(packed)
    return [out.detach(), *torch.autograd.grad(out.square().sum(), list(packed))]


def _difference(found: Tensor, expected: Tensor) -> float:
    """Largest difference relative to the largest expected value."""
    return float((found - expected).abs().max() / expected.abs().max())


def clock(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Shortest time after a warm-up, and the last result."""
    result = work()
    seconds = []
    for _ in range(repeats):
        _wait()
        start = time.perf_counter()
        result = work()
        _wait()
        seconds.append(time.perf_counter() - start)
    return min(seconds), result


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
