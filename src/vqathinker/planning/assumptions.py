"""Assumptions of a plan, each with its value.

Only LAYER_SECONDS is measured, on one kind of GPU; all else is estimated. Measured seconds of a
step (`--rates`) replace the assumptions about speed.
"""

from typing import Final

__all__ = [
    "BUCKET_WEIGHTS",
    "COMPLETION_TOKENS",
    "CPU_OVERHEAD",
    "GPU_OVERHEAD",
    "LAYER_SECONDS",
    "LONGEST",
    "SLOWFAST_FLOPS",
    "SLOWFAST_WEIGHTS",
    "SUPERVISED_TOKENS",
    "USE_OF_BANDWIDTH",
    "USE_OF_LINK",
    "USE_OF_MATRIX",
    "slowfast_flops",
]

COMPLETION_TOKENS: Final = 200  # mean length of an answer of InternVL3 that thinks first
SUPERVISED_TOKENS: Final = (
    16  # of the answer that supervised fine-tuning learns, its end among them
)
LONGEST: Final = 2.0  # the longest completion of a batch, in mean lengths
BUCKET_WEIGHTS: Final = 500_000_000  # gradients that ZeRO-2 sends at once, DeepSpeed's own default
GPU_OVERHEAD: Final = 2_000_000_000  # bytes: CUDA, its libraries, what the allocator cannot reuse
CPU_OVERHEAD: Final = 700_000_000  # bytes: Python with its libraries

USE_OF_MATRIX: Final = 0.4  # of the peak, in passes over whole prompts
USE_OF_BANDWIDTH: Final = 0.6  # of the peak, in token steps and in the optimiser
USE_OF_LINK: Final = 0.6  # of the peak, between GPUs

# Seconds that a layer of the language model takes in a token step on a GPU, however small the
# batch: the step waits for kernel launches. Measured on an H100 with the 28 layers of InternVL3-2B
# and 16 rows: benchmarks/results/2026-11-27-h100/grpo-2b.json.
LAYER_SECONDS: Final = 29.8e-3 / 28

SLOWFAST_WEIGHTS: Final = 34_570_000  # of the file that is downloaded, its classifier included
SLOWFAST_BYTES: Final = 120  # of memory for a pixel of a frame: 25 MB for 6x196 on the CPU
SLOWFAST_FLOPS: Final = 131.4e9  # of SlowFast-R50 for 32 frames of 256 x 256, as published


def slowfast_flops(frames: int, size: int) -> float:
    """Of one clip; convolutions, so in proportion to frames and pixels."""
    return SLOWFAST_FLOPS * (frames / 32) * (size / 256) ** 2
