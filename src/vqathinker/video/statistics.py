"""Statistics of native frames that depend on quality: natural scenes, simple measures, repetition.

Sources: the features of BRISQUE (Mittal et al., "No-Reference Image Quality Assessment in the
Spatial Domain", 2012) and the moment estimate of an asymmetric generalised Gaussian (Lasmar et al.,
"Multiscale Skewed Heavy Tailed Model for Texture Analysis", 2009); Hasler and Süsstrunk, "Measuring
Colorfulness in Natural Images", 2003; Immerkær, "Fast Noise Variance Estimation", 1996.

Departures from BRISQUE:
1. The second scale averages 2×2 pixels instead of interpolating bicubically.
2. Windows and neighbours lie within the frame, so its outermost pixels have no coefficient.
3. Variances are logarithms: they are skewed, and a linear layer takes the result.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy.special import gamma
from torch import Tensor, nn

_NEIGHBOURS = ("right", "below", "below_right", "below_left")
SPATIAL = (
    *(
        f"{name}_{scale}"
        for scale in (1, 2)
        for name in (
            "shape",
            "variance",
            *(
                f"{neighbour}_{number}"
                for neighbour in _NEIGHBOURS
                for number in ("shape", "mean", "left_variance", "right_variance")
            ),
        )
    ),
    *("laplacian", "gradient", "blockiness", "contrast"),
    *("colourfulness", "brightness", "noise", "entropy"),
    *(
        f"band_{band}_{number}"
        for number in ("low", "median", "high", "mean")
        for band in (1, 2, 3, 4, 5)
    ),
)
TEMPORAL = ("change", "held")
STATISTICS = len(SPATIAL) + len(TEMPORAL)

LUMA = (0.299, 0.587, 0.114)  # of RGB, ITU-R BT.601
_LARGEST = (1080, 1920)  # shorter and longer side: bounds time and memory of larger frames
_SMALLEST = 32  # px; at the second scale, 16 px leave 10×10 whole windows
_BAND = 128  # rows
_BLOCK = 8  # px, of JPEG and H.264
_BANDS = ((1, 2), (3, 4), (5, 7), (8, 10), (11, 14))  # sums of horizontal and vertical half waves
_LEAST_ENERGY = 0.05  # added before a logarithm
_WINDOW = np.exp(-0.5 * (np.arange(-3, 4) / (7 / 6)) ** 2)
_WINDOW /= _WINDOW.sum()
_FLAT = 1e-3  # coefficients below are rounding errors of flat regions, with random signs
_SHAPES = np.arange(0.2, 10.001, 0.001)
# E|x|² / E x² of a generalised Gaussian increases with its shape.
_RATIOS = gamma(2 / _SHAPES) ** 2 / (gamma(1 / _SHAPES) * gamma(3 / _SHAPES))
_LEAST_VARIANCE = 1e-4  # added before a logarithm
_LEAST_CHANGE = 0.3  # grey levels: encoders change still scenes by that much
_MOVING = 3 * _LEAST_CHANGE  # a frame can only be a repetition if others change by that much
STILL, MOVES = np.log(2 * _LEAST_CHANGE), np.log(_MOVING + _LEAST_CHANGE)  # levels of `change`


@torch.no_grad()
def frame_statistics(frames: Tensor) -> Tensor:
    """Natural-scene statistics and simple measures of frames, in the order of `SPATIAL`.

    Of frames that are larger than 1920×1080 (portrait: 1080×1920), only the central part of that
    size counts. Frames with a side of less than 32 px are continued by reflection to that size.

    Args:
        frames: uint8 (n, 3, height, width), RGB.

    Returns:
        float32 (n, 64), finite. The 36 first are dimensionless; `gradient`, `laplacian` and `noise`
        are logarithms of grey levels (of their square for the Laplacian variance), `contrast`,
        `colourfulness` and `brightness` grey levels 0..255, `blockiness` the log ratio of gradients
        at block borders to all gradients, and `entropy` 0..8 bit. `band_B_…` are the 10th, 50th and
        90th percentile and the mean, over blocks of 8×8 px, of the log energy in one of five bands
        of the cosine transform, from coarse to fine.
    """
    return torch.stack([_one_frame(frame) for frame in _fit_size(frames)])


@torch.no_grad()
def repeat_statistics(luma: Tensor, seconds: Sequence[float]) -> Tensor:
    """How consecutive frames change, in the order of `TEMPORAL`: float32 (2,).

    `change` is the logarithm of the mean absolute difference between neighbours, plus 0.3 grey
    levels. `held` is the share of frame times at which the picture of the time before is shown
    while the scene moves, because a frame repeats the one before, or is missing. A single frame
    has zeros, as in `join_statistics`.

    Args:
        luma: (frames, height, width), 0..255, consecutive and small: the mean over 4×4 px removes
            most of the noise, which would hide a repetition.
        seconds: the time of each frame.
    """
    if len(luma) < 2:
        return torch.zeros(len(TEMPORAL))
    change = np.diff(luma.numpy().astype(np.float32), axis=0)
    change = np.abs(change).mean((1, 2), dtype=np.float64)
    moves = change.max() > _MOVING
    repeated = (change < _LEAST_CHANGE).sum()
    gaps = np.maximum(np.diff(np.asarray(seconds, np.float64)), 1e-3)  # times may coincide
    missing = np.round(gaps / np.median(gaps) - 1).clip(0).sum()
    held = moves * (repeated + missing) / (len(change) + missing)
    return torch.tensor([np.log(change.mean() + _LEAST_CHANGE), held], dtype=torch.float32)


def join_statistics(spatial: Tensor, temporal: Tensor | None = None) -> Tensor:
    """All statistics (..., 66) of frames from `SPATIAL` (..., 64) and `TEMPORAL` ones (..., 2).

    Unknown temporal statistics are zeros: a scene that hardly moves, at a constant frame rate.
    """
    if temporal is None:
        temporal = spatial.new_zeros((*spatial.shape[:-1], len(TEMPORAL)))
    return torch.cat([spatial, temporal], dim=-1)


def _fit_size(frames: Tensor) -> Tensor:
    height, width = frames.shape[-2:]
    limits = _LARGEST if height <= width else _LARGEST[::-1]
    for dim, size, limit in ((-2, height, limits[0]), (-1, width, limits[1])):
        if size > limit:  # the border of the part is one of blocks, too
            frames = frames.narrow(dim, (size - limit) // 2 // _BLOCK * _BLOCK, limit)
    missing = [max(0, _SMALLEST - size) for size in frames.shape[-2:]]
    if any(missing):
        padding = ((0, 0), (0, 0), (0, missing[0]), (0, missing[1]))
        frames = torch.from_numpy(np.pad(frames.numpy(), padding, mode="symmetric"))
    return frames


def _one_frame(frame: Tensor) -> Tensor:
    red, green, blue = frame.float()
    luma = (red * LUMA[0]).add_(green, alpha=LUMA[1]).add_(blue, alpha=LUMA[2])
    levels = torch.bincount(luma.round().to(torch.uint8).flatten()).double() / luma.numel()
    brightness = _mean(luma)
    luma -= brightness  # squares of small numbers lose less precision
    laplacian, gradient, blockiness, noise = _derivatives(luma)
    contrast, colour = _mean(luma * luma) ** 0.5, _colourfulness(red, green, blue)
    entropy = -float(torch.special.xlogy(levels, levels).sum()) / math.log(2)
    half = nn.functional.avg_pool2d(luma[None], 2)[0]
    simple = (laplacian, gradient, blockiness, contrast, colour, brightness, noise, entropy)
    numbers = (*_natural_scene(luma), *_natural_scene(half), *simple, *_bands(luma))
    return torch.tensor(numbers, dtype=torch.float32)


def _mean(plane: Tensor) -> float:
    # Row by row: the sum of a whole plane depends on the number of threads.
    return float(plane.sum(1).sum(dtype=torch.float64)) / plane.numel()


def _derivatives(luma: Tensor) -> tuple[float, float, float, float]:
    """`laplacian`, `gradient`, `blockiness` and `noise`."""
    across, down = luma[:, 1:] - luma[:, :-1], luma[1:] - luma[:-1]
    across_twice, down_twice = across[:, 1:] - across[:, :-1], down[1:] - down[:-1]
    laplacian = down_twice[:, 1:-1].add_(across_twice[1:-1])
    variance = _mean(laplacian * laplacian) - _mean(laplacian) ** 2
    columns, rows = across.abs_().mean(0), down.abs_().mean(1)
    gradient, blockiness = 0.0, 0.0
    for profile in (columns, rows):
        mean, border = float(profile.mean()), float(profile[_BLOCK - 1 :: _BLOCK].mean())
        gradient += mean
        blockiness += math.log((border + 0.01) / (mean + 0.01)) / 2  # 0 in a flat frame
    sparse = across_twice[:, ::4]  # every fourth column is enough for a median
    second = sparse[2:] - 2 * sparse[1:-1] + sparse[:-2]
    noise = float(second.abs().flatten().median()) / (6 * 0.6745)  # σ of Gaussian noise
    return math.log1p(max(variance, 0)), math.log1p(gradient), blockiness, math.log1p(noise)


def _colourfulness(red: Tensor, green: Tensor, blue: Tensor) -> float:
    spread, shift = 0.0, 0.0
    for opponent in (red - green, (red + green) / 2 - blue):
        mean = _mean(opponent)
        spread += max(0.0, _mean(opponent * opponent) - mean**2)
        shift += mean**2
    return spread**0.5 + 0.3 * shift**0.5


def _bands(luma: Tensor) -> list[float]:
    """Percentiles 10, 50 and 90, and mean over blocks of the log energy of each band."""
    height, width = (side // _BLOCK * _BLOCK for side in luma.shape)
    blocks = luma[:height, :width].unfold(0, _BLOCK, _BLOCK).unfold(1, _BLOCK, _BLOCK)
    basis = cosine_basis(_BLOCK)
    energy = (basis @ blocks.flatten(0, 1) @ basis.T).square_()  # (blocks, 8, 8)
    order = torch.arange(_BLOCK)[:, None] + torch.arange(_BLOCK)
    bands = [energy[:, (first <= order) & (order <= last)].mean(1) for first, last in _BANDS]
    levels = np.log(torch.stack(bands).numpy() + _LEAST_ENERGY)
    numbers = [*np.percentile(levels, (10, 50, 90), axis=1), levels.mean(1, dtype=np.float64)]
    return np.concatenate(numbers).tolist()


def _natural_scene(luma: Tensor) -> list[float]:
    """The 18 statistics of one scale; `luma` is any plane of grey levels with mean 0."""
    sums = np.zeros((5, 6))
    # Bands stay in the cache of a core, and their memory is reused: twice as fast as whole planes.
    for top in range(0, len(luma) - 6, _BAND):
        mscn = _normalised_contrast(luma[top : top + _BAND + 7])  # a row more, for neighbours below
        band = mscn[:_BAND]
        left, right = mscn[:, :-1], mscn[:, 1:]
        below, diagonals = mscn[:-1] * mscn[1:], (left[:-1] * right[1:], right[:-1] * left[1:])
        planes = (band, band[:, :-1] * band[:, 1:], below, *diagonals)
        sums += [_sums(plane) for plane in planes]
    shape, mean, left_variance, right_variance = _fit_gaussian(sums)
    variances = np.log(np.stack([left_variance, right_variance]) + _LEAST_VARIANCE)
    products = np.stack([shape, mean, *variances], axis=1)[1:]
    variance = np.log((left_variance[0] + right_variance[0]) / 2 + _LEAST_VARIANCE)
    return [float(shape[0]), float(variance), *products.flatten().tolist()]


def _normalised_contrast(luma: Tensor) -> Tensor:
    """Mean-subtracted, contrast-normalised coefficients (height - 6, width - 6) of a plane."""
    mean = _blur(luma)
    deviation = (_blur(luma * luma) - mean * mean).clamp_(min=0).sqrt_()
    return nn.functional.hardshrink((luma[3:-3, 3:-3] - mean).div_(deviation.add_(1)), _FLAT)


def _blur(plane: Tensor) -> Tensor:
    """Gaussian mean over whole windows of 7×7; sums of shifted planes are fast on a CPU."""
    for dim in (0, 1):
        size = plane.shape[dim] - 6
        shifted = [plane.narrow(dim, start, size) for start in range(7)]
        plane = shifted[3] * _WINDOW[3]
        for i in range(3):
            plane.add_(shifted[i] + shifted[6 - i], alpha=_WINDOW[i])
    return plane


def _sums(values: Tensor) -> list[float]:
    """Number, numbers < 0 and > 0, and sums of |x|, of x² and of x² where x > 0."""
    positive, sign = values.relu(), values.sign()
    planes = (sign, sign * sign, values, positive, values * values, positive * positive)
    # Row by row: the sum of a whole plane depends on the number of threads.
    signs, nonzeros, total, half, squares, positive_squares = (
        float(plane.sum(1).sum(dtype=torch.float64)) for plane in planes
    )
    counts = [values.numel(), (nonzeros - signs) / 2, (nonzeros + signs) / 2]
    return [*counts, 2 * half - total, squares, positive_squares]


def _fit_gaussian(sums: np.ndarray) -> tuple[np.ndarray, ...]:
    """Fit asymmetric generalised Gaussians to `_sums` (n, 6).

    Returns:
        Shape (0.2..10), mean, and variances of the left and right side, each (n,).
    """
    number, negatives, positives, absolute, squares, positive_squares = sums.T
    left_variance = (squares - positive_squares).clip(0) / negatives.clip(1)
    right_variance = positive_squares / positives.clip(1)
    left, right = np.sqrt(left_variance) + 1e-6, np.sqrt(right_variance) + 1e-6
    skew = left / right  # 1 in a flat frame
    ratio = (absolute / number) ** 2 / (squares / number + 1e-12)
    ratio *= (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
    shape = np.interp(ratio, _RATIOS, _SHAPES)
    spread = gamma(2 / shape) / np.sqrt(gamma(1 / shape) * gamma(3 / shape))
    return shape, (right - left) * spread, left_variance, right_variance


def cosine_basis(size: int) -> Tensor:
    """The orthogonal cosine transform (size, size): row u is the cosine of u half waves.

    >>> bool(torch.allclose(cosine_basis(4) @ cosine_basis(4).T, torch.eye(4), atol=1e-6))
    True
    """
    place = (torch.arange(size) + 0.5) * math.pi / size
    basis = torch.cos(torch.arange(size)[:, None] * place) * math.sqrt(2 / size)
    basis[0] /= math.sqrt(2)
    return basis
