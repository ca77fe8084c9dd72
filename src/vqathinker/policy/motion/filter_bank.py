"""The demo's motion encoder: a fixed filter bank with the interface of SlowFast-R50.

As SlowFast, it has a slow pathway for appearance and a fast one for change. It is not trained.
"""

import math

import torch
from torch import Tensor, nn

from vqathinker.errors import InputError
from vqathinker.policy.config import IMAGENET_MEAN, IMAGENET_STD

_BLOCK = 14  # pixels of a side
_LUMA = (0.299, 0.587, 0.114)  # of RGB, ITU-R BT.601
_BANDS = {"luma": 14, "red": 5, "blue": 5}  # spatial frequencies
_BLOCK_QUANTILES = (0.1, 0.5, 0.9)  # of the energies of all blocks
_BRIGHTNESS_QUANTILES = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)
_TIME_QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)
_STILL_LEVELS = (-6.0, -5.5, -5.0, -4.5, -4.0, -3.0)  # log differences of frames that stand still
_FLOOR = 1e-3  # added before a logarithm


class FilterBank(nn.Module):
    """Log energies of block cosines (slow pathway) and of frame differences (fast pathway).

    `calibrate` sets centre and scale of each feature, which are 0 and 1 before. All state is in
    buffers, so it is saved with the policy and has no gradient.
    """

    cosines: Tensor
    rgb_mean: Tensor
    rgb_std: Tensor
    luma: Tensor
    centre: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        spatial = _BANDS["luma"] * (1 + len(_BLOCK_QUANTILES)) + _BANDS["red"] + _BANDS["blue"]
        temporal = 3 * len(_TIME_QUANTILES) + len(_STILL_LEVELS)
        self.dim = spatial + 4 + len(_BRIGHTNESS_QUANTILES) + temporal
        self.register_buffer("cosines", cosine_basis(_BLOCK))
        self.register_buffer("rgb_mean", torch.tensor(IMAGENET_MEAN).view(1, 1, 3, 1, 1))
        self.register_buffer("rgb_std", torch.tensor(IMAGENET_STD).view(1, 1, 3, 1, 1))
        self.register_buffer("luma", torch.tensor(_LUMA).view(1, 1, 3, 1, 1))
        self.register_buffer("centre", torch.zeros(self.dim))
        self.register_buffer("scale", torch.ones(self.dim))

    @torch.no_grad()
    def calibrate(self, features: Tensor) -> None:
        """Set centre and scale from `raw_features` (clips, dim)."""
        self.centre.copy_(features.mean(0))
        self.scale.copy_(features.std(0).clamp(min=_FLOOR))

    @torch.no_grad()
    def forward(self, pixel_values: Tensor) -> Tensor:
        """Normalised frames (clips, frames, 3, size, size) → features (clips, dim), float32.

        Raises:
            InputError: a clip has fewer than 3 frames.
        """
        return self.pool_frames(self.encode_frames(pixel_values))

    def pool_frames(self, frame_features: Tensor) -> Tensor:
        """Features (clips, dim) from those of their frames (clips, frames, n)."""
        return self.standardise(self._pool(frame_features))

    def standardise(self, features: Tensor) -> Tensor:
        """Centre and scale `raw_features`."""
        # Blank frames and still clips are outliers; values beyond 5 carry no further information.
        return ((features - self.centre) / self.scale).clamp(-5, 5)

    @torch.no_grad()
    def encode_frames(self, pixel_values: Tensor, statistics: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """Features of single frames: (clips, frames, 3, size, width) → (clips, frames, n)."""
        clips, frames = pixel_values.shape[:2]
        # CUDA has no quantiles in half precision.
        with torch.autocast(pixel_values.device.type, enabled=False):
            rgb = (pixel_values.float() * self.rgb_std + self.rgb_mean).flatten(0, 1)
            luma = (rgb * self.luma[0]).sum(1)  # (clips x frames, size, size)
            small = nn.functional.avg_pool2d(luma, 4).flatten(1)
            return torch.cat([self._appearance(rgb, luma), small], dim=1).view(clips, frames, -1)

    @torch.no_grad()
    def raw_features(self, pixel_values: Tensor) -> Tensor:
        """Features (clips, dim) before centring and scaling."""
        return self._pool(self.encode_frames(pixel_values))

    def _pool(self, frame_features: Tensor) -> Tensor:
        frames = frame_features.shape[1]
        if frames < 3:
            raise InputError(
                f"a clip has {frames} frames; expected at least 3: change the clip setting"
            )
        spatial = self.dim - 3 * len(_TIME_QUANTILES) - len(_STILL_LEVELS)
        appearance, small = frame_features[..., :spatial], frame_features[..., spatial:]
        return torch.cat([appearance.contiguous().mean(1), self._change(small)], dim=1)

    def _appearance(self, rgb: Tensor, luma: Tensor) -> Tensor:
        planes = {"luma": luma, "red": rgb[:, 0] - luma, "blue": rgb[:, 2] - luma}
        numbers: list[Tensor] = []
        for name, plane in planes.items():
            bands = band_energies(plane, self.cosines, _BANDS[name])  # (images, blocks, bands)
            numbers.append(torch.log(bands.mean(1) + _FLOOR))
            if name == "luma":
                at = bands.new_tensor(_BLOCK_QUANTILES)
                quantiles = bands.quantile(at, dim=1)  # (3, images, bands)
                numbers.append(torch.log(quantiles + _FLOOR).permute(1, 0, 2).flatten(1))
        flat = luma.flatten(1)
        clipped = [(flat > 0.92).float().mean(1), (flat < 0.08).float().mean(1)]
        numbers.append(torch.stack([*clipped, flat.mean(1), flat.std(1)], 1))
        sparse = luma[:, ::4, ::4].flatten(1)  # a sixteenth of the pixels is enough
        numbers.append(sparse.quantile(flat.new_tensor(_BRIGHTNESS_QUANTILES), dim=1).T)
        return torch.cat(numbers, dim=1)

    def _change(self, small: Tensor) -> Tensor:
        step = (small[:, 1:] - small[:, :-1]).abs()  # (clips, frames - 1, pixels)
        skip = (small[:, 2:] - small[:, :-2]).abs()
        mean = torch.log(step.mean(2) + _FLOOR)
        peak = torch.log(step.quantile(0.9, dim=2) + _FLOOR)
        times = mean.new_tensor(_TIME_QUANTILES)
        levels = (mean, peak, torch.log(skip.mean(2) + _FLOOR))
        over_time = [level.quantile(times, dim=1).T for level in levels]
        still = [torch.sigmoid(4 * (level - mean)).mean(1, keepdim=True) for level in _STILL_LEVELS]
        return torch.cat([*over_time, *still], dim=1)


def cosine_basis(size: int) -> Tensor:
    """The orthogonal cosine transform (size, size): row u is the cosine of u half waves.

    >>> bool(torch.allclose(cosine_basis(4) @ cosine_basis(4).T, torch.eye(4), atol=1e-6))
    True
    """
    place = (torch.arange(size) + 0.5) * math.pi / size
    basis = torch.cos(torch.arange(size)[:, None] * place) * math.sqrt(2 / size)
    basis[0] /= math.sqrt(2)
    return basis


def band_energies(plane: Tensor, cosines: Tensor, bands: int) -> Tensor:
    """Mean absolute cosine coefficients of blocks, by spatial frequency.

    Args:
        plane: images (images, height, width); incomplete blocks at the edges are ignored.
        cosines: a basis (block, block) of `cosine_basis`.
        bands: rings of equal width from frequency 0.5 (without the constant) to the corner.

    Returns:
        (images, blocks, bands), in units of the plane.
    """
    block = len(cosines)
    height, width = (n // block * block for n in plane.shape[1:])
    tiles = plane[:, :height, :width].unfold(1, block, block).unfold(2, block, block).flatten(1, 2)
    size = (cosines @ tiles @ cosines.T).abs().flatten(2) / block  # (images, blocks, block²)
    wave = torch.arange(block, device=plane.device, dtype=plane.dtype)
    radius = (wave[:, None] ** 2 + wave**2).sqrt().flatten()
    edge = (radius.max() - 0.5 + 1e-3) / bands
    ring = ((radius - 0.5) / edge).floor().long()
    member = nn.functional.one_hot(ring.clamp(min=0), bands).to(plane.dtype) * (ring >= 0)[:, None]
    return size @ (member / member.sum(0).clamp(min=1))
