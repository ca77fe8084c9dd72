"""The blocks of SlowFast-R50: residual stages of two pathways, fused from fast to slow.

Source: arXiv 1812.03982, table 1. Names of the modules are those of pytorchvideo 0.1.5, whose
weights fill them.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

__all__ = ["ALPHA", "FAST_RATIO", "STAGES", "Stage", "build_stage", "build_stem"]

FAST_RATIO = 8  # the fast pathway has an eighth of the channels
ALPHA = 4  # the fast pathway has four times the frames
_FUSED = 2  # times the fast pathway's channels go over to the slow one


class Stage(NamedTuple):
    """Sizes of a residual stage: slow channels inside a block (four times as many come out), and
    frames seen by the first convolution of a slow block (3 in the fast pathway)."""

    blocks: int
    width: int
    slow_time: int
    stride: int


_STEM = 64
STAGES = (Stage(3, 64, 1, 1), Stage(4, 128, 1, 2), Stage(6, 256, 3, 2), Stage(3, 512, 3, 2))


class _Stem(nn.Module):
    """Convolution, batch norm, ReLU, max pool; halves the size twice."""

    def __init__(self, channels: int, time: int) -> None:
        super().__init__()
        self.conv = _conv(3, channels, (time, 7, 7), stride=2)
        self.norm = nn.BatchNorm3d(channels)
        self.pool = nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.norm(self.conv(x)).relu_())


class _Bottleneck(nn.Module):
    """Time, then space, then channels; batch norm after each."""

    def __init__(self, channels: int, width: int, time: int, stride: int) -> None:
        super().__init__()
        self.conv_a = _conv(channels, width, (time, 1, 1))
        self.norm_a = nn.BatchNorm3d(width)
        self.conv_b = _conv(width, width, (1, 3, 3), stride)
        self.norm_b = nn.BatchNorm3d(width)
        self.conv_c = _conv(width, 4 * width, (1, 1, 1))
        self.norm_c = nn.BatchNorm3d(4 * width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm_a(self.conv_a(x)).relu_()
        x = self.norm_b(self.conv_b(x)).relu_()
        return self.norm_c(self.conv_c(x))


class _Residual(nn.Module):
    """A bottleneck beside its input, which is brought to the same shape where it has another."""

    def __init__(self, channels: int, width: int, time: int, stride: int) -> None:
        super().__init__()
        self.branch1_conv = self.branch1_norm = None
        if channels != 4 * width or stride > 1:
            self.branch1_conv = _conv(channels, 4 * width, (1, 1, 1), stride)
            self.branch1_norm = nn.BatchNorm3d(4 * width)
        self.branch2 = _Bottleneck(channels, width, time, stride)

    def forward(self, x: Tensor) -> Tensor:
        beside = x
        if self.branch1_conv is not None and self.branch1_norm is not None:
            beside = self.branch1_norm(self.branch1_conv(x))
        return (self.branch2(x) + beside).relu_()


class _ResidualStage(nn.Module):
    """Residual blocks of one pathway; only the first one strides."""

    def __init__(self, channels: int, width: int, time: int, stage: Stage) -> None:
        super().__init__()
        first = _Residual(channels, width, time, stage.stride)
        rest = [_Residual(4 * width, width, time, 1) for _ in range(stage.blocks - 1)]
        self.res_blocks = nn.ModuleList([first, *rest])

    def forward(self, x: Tensor) -> Tensor:
        for block in self.res_blocks:
            x = block(x)
        return x


class _Fusion(nn.Module):
    """Brings the fast pathway to the slow one's frames and puts it beside its channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_fast_to_slow = nn.Conv3d(
            channels, _FUSED * channels, (7, 1, 1), (ALPHA, 1, 1), (3, 0, 0), bias=False
        )
        self.norm = nn.BatchNorm3d(_FUSED * channels)

    def forward(self, paths: list[Tensor]) -> list[Tensor]:
        slow, fast = paths
        over = self.norm(self.conv_fast_to_slow(fast)).relu_()
        return [torch.cat([slow, over], dim=1), fast]


class _TwoPathways(nn.Module):
    """One block of each pathway, and the fusion after them."""

    def __init__(self, slow: nn.Module, fast: nn.Module, fusion: nn.Module) -> None:
        super().__init__()
        self.multipathway_blocks = nn.ModuleList([slow, fast])
        self.multipathway_fusion = fusion

    def forward(self, paths: list[Tensor]) -> list[Tensor]:
        both = zip(self.multipathway_blocks, paths, strict=True)
        return self.multipathway_fusion([block(path) for block, path in both])


def build_stem() -> nn.Module:
    """The first block, from both pathways' frames (clips, 3, frames, size, size)."""
    fast = _STEM // FAST_RATIO
    return _TwoPathways(_Stem(_STEM, 1), _Stem(fast, 5), _Fusion(fast))


def build_stage(number: int) -> nn.Module:
    """Residual stage `number` of `STAGES`, both pathways; the last has no fusion after it."""
    stage = STAGES[number]
    before = 4 * STAGES[number - 1].width if number else _STEM
    fast_before, fast_width = before // FAST_RATIO, stage.width // FAST_RATIO
    last = number == len(STAGES) - 1
    return _TwoPathways(
        _ResidualStage(before + _FUSED * fast_before, stage.width, stage.slow_time, stage),
        _ResidualStage(fast_before, fast_width, 3, stage),
        nn.Identity() if last else _Fusion(4 * fast_width),
    )


def _conv(before: int, after: int, kernel: tuple[int, int, int], stride: int = 1) -> nn.Conv3d:
    """Without bias; padded to keep the size, and striding over space alone."""
    time, height, width = (n // 2 for n in kernel)
    return nn.Conv3d(before, after, kernel, (1, stride, stride), (time, height, width), bias=False)
