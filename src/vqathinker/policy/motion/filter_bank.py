"""The demo's motion encoder: fixed measures with the interface of SlowFast-R50.

As SlowFast, it has a slow pathway for appearance and a fast one for change. It is not trained.
"""

import torch
from torch import Tensor, nn

from vqathinker.errors import InputError
from vqathinker.policy.config import IMAGENET_MEAN, IMAGENET_STD
from vqathinker.video.statistics import (
    LUMA,
    MOVES,
    SPATIAL,
    STATISTICS,
    STILL,
    frame_statistics,
    join_statistics,
)

_FLOOR = 1e-3  # added before a logarithm
_LEAST_SCALE = 0.02  # a feature that hardly varies in calibration must not dominate elsewhere
_LIMIT = 4  # standard deviations; blank frames and still clips are outliers
# The projector begins with a LayerNorm, which would remove the length of the feature vector: how
# much a clip differs from the average. Two large constants at the end preserve it.
CONSTANTS = (2.0, -2.0)  # times the square root of the number of features


class FilterBank(nn.Module):
    """Statistics of native frames (slow pathway), and differences of frames (fast pathway).

    The first depend on single frames and the few native frames that follow each. The second depend
    on the order of the sampled frames.

    `calibrate` sets centre and scale of each feature, which are 0 and 1 before. All state is in
    buffers, so it is saved with the policy and has no gradient.
    """

    rgb_mean: Tensor
    rgb_std: Tensor
    centre: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        features = len(SPATIAL) + 6
        self.dim = features + len(CONSTANTS)
        self.register_buffer("rgb_mean", torch.tensor(IMAGENET_MEAN).view(1, 1, 3, 1, 1))
        self.register_buffer("rgb_std", torch.tensor(IMAGENET_STD).view(1, 1, 3, 1, 1))
        self.register_buffer("centre", torch.zeros(features))
        self.register_buffer("scale", torch.ones(features))

    @torch.no_grad()
    def calibrate(self, features: Tensor) -> None:
        """Set centre and scale from `raw_features`."""
        self.centre.copy_(features.mean(0))
        self.scale.copy_(features.std(0).clamp(min=_LEAST_SCALE))

    @torch.no_grad()
    def forward(self, pixel_values: Tensor, statistics: Tensor | None = None) -> Tensor:
        """Features (clips, dim), float32; arguments as in `encode_frames`.

        Raises:
            InputError: a clip has fewer than 3 frames.
        """
        return self.pool_frames(self.encode_frames(pixel_values, statistics))

    def pool_frames(self, frame_features: Tensor) -> Tensor:
        """Features (clips, dim) from those of their frames (clips, frames, n)."""
        return self.standardise(self._pool(frame_features))

    def standardise(self, features: Tensor) -> Tensor:
        """Centre and scale `raw_features`, within ±4, and append the constants: (clips, dim)."""
        scaled = ((features - self.centre) / self.scale).clamp(-_LIMIT, _LIMIT)
        constants = scaled.new_tensor(CONSTANTS) * len(self.centre) ** 0.5
        return torch.cat([scaled, constants.expand(len(scaled), -1)], dim=1)

    @torch.no_grad()
    def encode_frames(self, pixel_values: Tensor, statistics: Tensor | None = None) -> Tensor:
        """Features (clips, frames, n) of single frames, float32.

        Args:
            pixel_values: normalised frames (clips, frames, 3, height, width): squares, or strips of
                tiles.
            statistics: those of the native frames (clips, frames, 66), see `join_statistics`. By
                default they are computed from the pixels, with unknown temporal ones.
        """
        # CUDA has no quantiles in half precision.
        with torch.autocast(pixel_values.device.type, enabled=False):
            rgb = pixel_values.float() * self.rgb_std + self.rgb_mean
            if statistics is None:
                statistics = _measure(rgb).to(rgb.device)
            red, green, blue = rgb.unbind(2)
            luma = red * LUMA[0] + green * LUMA[1] + blue * LUMA[2]
            small = nn.functional.avg_pool2d(luma, 4).flatten(2)
            return torch.cat([statistics.float(), small], dim=2)

    @torch.no_grad()
    def raw_features(self, pixel_values: Tensor, statistics: Tensor | None = None) -> Tensor:
        """Features (clips, dim - 2) before `standardise`; arguments as in `encode_frames`."""
        return self._pool(self.encode_frames(pixel_values, statistics))

    def _pool(self, frame_features: Tensor) -> Tensor:
        frames = frame_features.shape[1]
        if frames < 3:
            raise InputError(
                f"a clip has {frames} frames; expected at least 3: change the clip setting"
            )
        statistics, small = frame_features[..., :STATISTICS], frame_features[..., STATISTICS:]
        change, held = statistics[..., len(SPATIAL) :].unbind(2)
        still = (change < STILL) & (change.amax(1, keepdim=True) > MOVES)  # while others move
        temporal = [held.mean(1), held.amax(1), still.float().mean(1)]
        pooled = statistics[..., : len(SPATIAL)].contiguous().mean(1)
        return torch.cat([pooled, torch.stack([*temporal, *_order(small)], 1)], 1)


def _order(small: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Three measures (clips,) of frames (clips, frames, pixels) that depend on their order.

    They are log ratios, because videos differ in how much they move: of the least and of the
    greatest step between neighbours to the median one (repeated and blank frames), and of the steps
    over two frames to those over one (a frame differs less from its neighbours in the right order).
    """
    step = torch.log((small[:, 1:] - small[:, :-1]).abs().mean(2) + _FLOOR)
    skip = torch.log((small[:, 2:] - small[:, :-2]).abs().mean(2) + _FLOOR)
    middle = step.median(1).values
    return step.amin(1) - middle, step.amax(1) - middle, skip.mean(1) - step.mean(1)


def _measure(rgb: Tensor) -> Tensor:
    """Statistics (clips, frames, 66) of frames (clips, frames, 3, height, width) in 0..1."""
    frames = (255 * rgb).round().clamp(0, 255).to(torch.uint8).cpu()
    return join_statistics(frame_statistics(frames.flatten(0, 1)).unflatten(0, frames.shape[:2]))
