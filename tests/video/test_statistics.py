"""Statistics of frames against a plain implementation in float64, and how damage changes them."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.fft import dctn
from scipy.special import gamma
from skimage import data
from torch import Tensor

from vqathinker.video.statistics import (
    SPATIAL,
    STATISTICS,
    TEMPORAL,
    frame_statistics,
    join_statistics,
    repeat_statistics,
)

BANDS = ((1, 2), (3, 4), (5, 7), (8, 10), (11, 14))

# --- single frames ------------------------------------------------------------------------------


def photograph(height: int, width: int) -> Tensor:
    """uint8 (1, 3, height, width)."""
    picture = np.tile(data.astronaut(), (4, 4, 1))[:height, :width]
    return torch.from_numpy(picture.copy()).permute(2, 0, 1)[None]


def noise(height: int, width: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (1, 3, height, width), generator=generator, dtype=torch.uint8)


def letterboxed(height: int, width: int) -> Tensor:
    frame = photograph(height, width)
    frame[..., : height // 4, :] = 0
    return frame


def blurred(frame: Tensor, sigma: float) -> Tensor:
    return torch.from_numpy(ndimage.gaussian_filter(frame.numpy(), (0, 0, sigma, sigma)))


def noisy(frame: Tensor, sigma: float) -> Tensor:
    draws = torch.randn(frame.shape, generator=torch.Generator().manual_seed(1))
    return (frame + sigma * draws).round().clamp(0, 255).to(torch.uint8)


def blocky(frame: Tensor, share: float) -> Tensor:
    """Replace a share of each 8×8 block's deviations by nothing."""
    coarse = torch.nn.functional.avg_pool2d(frame.float(), 8)
    coarse = coarse.repeat_interleave(8, dim=2).repeat_interleave(8, dim=3)
    return (share * coarse + (1 - share) * frame).round().to(torch.uint8)


def expected_fit(x: np.ndarray) -> tuple[float, float, float, float]:
    """Shape, mean, left and right variance; Lasmar et al. 2009, by comparing all shapes."""
    left, right = (x[x < 0] ** 2).mean(), (x[x > 0] ** 2).mean()
    skew = np.sqrt(left / right)
    ratio = np.abs(x).mean() ** 2 / (x**2).mean()
    ratio *= (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
    shapes = np.linspace(0.2, 10, 98001)
    ratios = gamma(2 / shapes) ** 2 / (gamma(1 / shapes) * gamma(3 / shapes))
    shape = shapes[np.argmin(np.abs(ratios - ratio))]
    spread = gamma(2 / shape) / np.sqrt(gamma(1 / shape) * gamma(3 / shape))
    return shape, (np.sqrt(right) - np.sqrt(left)) * spread, left, right


def expected_natural_scene(luma: np.ndarray) -> list[float]:
    inner = (slice(3, -3), slice(3, -3))
    mean = ndimage.gaussian_filter(luma, 7 / 6, radius=3)
    variance = ndimage.gaussian_filter(luma**2, 7 / 6, radius=3) - mean**2
    z = ((luma - mean) / (np.sqrt(np.abs(variance)) + 1))[inner]
    z[np.abs(z) <= 1e-3] = 0
    shape, _, left, right = expected_fit(z.ravel())
    numbers = [shape, np.log((left + right) / 2 + 1e-4)]
    for down, across in ((0, 1), (1, 0), (1, 1), (1, -1)):
        product = (z * np.roll(z, (-down, -across), (0, 1)))[: len(z) - down]
        product = product[:, :-1] if across == 1 else product[:, 1:] if across == -1 else product
        shape, mean_of_fit, left, right = expected_fit(product.ravel())
        numbers += [shape, mean_of_fit, np.log(left + 1e-4), np.log(right + 1e-4)]
    return numbers


def expected_statistics(frame: np.ndarray) -> list[float]:
    """The 44 numbers of a frame (3, height, width) with even sides."""
    red, green, blue = frame.astype(np.float64)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    height, width = luma.shape
    half = luma.reshape(height // 2, 2, width // 2, 2).mean((1, 3))
    across, down = np.abs(np.diff(luma, axis=1)), np.abs(np.diff(luma, axis=0))
    laplacian = ndimage.laplace(luma)[1:-1, 1:-1]
    borders = np.log((across[:, 7::8].mean() + 0.01) / (across.mean() + 0.01))
    borders += np.log((down[7::8].mean() + 0.01) / (down.mean() + 0.01))
    opponents = np.stack([red - green, (red + green) / 2 - blue])
    colour = np.hypot(*opponents.std((1, 2))) + 0.3 * np.hypot(*opponents.mean((1, 2)))
    second = np.outer([1, -2, 1], [1, -2, 1])
    residual = np.abs(ndimage.convolve(luma, second))[1:-1, 1:-1]
    levels = np.bincount(luma.round().astype(int).ravel()) / luma.size
    levels = levels[levels > 0]
    simple = [
        np.log1p(laplacian.var()),
        np.log1p(across.mean() + down.mean()),
        borders / 2,
        luma.std(),
        colour,
        luma.mean(),
        np.log1p(np.median(residual[:, ::4]) / (6 * 0.6745)),
        -(levels * np.log2(levels)).sum(),
    ]
    natural_scene = [*expected_natural_scene(luma), *expected_natural_scene(half)]
    return [*natural_scene, *simple, *expected_bands(luma)]


def expected_bands(luma: np.ndarray) -> list[float]:
    levels: list[list[float]] = [[], [], [], [], []]
    for top, left in np.ndindex(luma.shape[0] // 8, luma.shape[1] // 8):
        block = luma[8 * top : 8 * top + 8, 8 * left : 8 * left + 8]
        energy = dctn(block, norm="ortho") ** 2
        order = np.add.outer(np.arange(8), np.arange(8))
        for band, (first, last) in zip(levels, BANDS, strict=True):
            inside = (order >= first) & (order <= last)
            band.append(np.log(energy[inside].mean() + 0.05))
    percentiles = [np.percentile(band, share) for share in (10, 50, 90) for band in levels]
    return [*percentiles, *(np.mean(band) for band in levels)]


@pytest.mark.parametrize("content", [photograph, noise, letterboxed])
def test_statistics_equal_a_plain_implementation(content: Callable[..., Tensor]) -> None:
    frame = content(300, 410)  # more than two bands of rows
    expected = expected_statistics(frame[0].numpy())
    # Sums of float32; shapes of nearly uniform noise are ill-conditioned.
    np.testing.assert_allclose(frame_statistics(frame)[0], expected, rtol=5e-4, atol=5e-4)


def values(frame: Tensor) -> dict[str, float]:
    return dict(zip(SPATIAL, frame_statistics(frame)[0].tolist(), strict=True))


@pytest.mark.parametrize(
    ("damage", "strengths", "rising", "falling"),
    [
        (blurred, (0.6, 1.2, 2.4), [], ["gradient", "laplacian", "noise", "band_4_mean"]),
        (noisy, (4, 8, 16), ["gradient", "laplacian", "noise", "shape_1", "band_5_low"], []),
        (blocky, (0.3, 0.6, 0.9), ["blockiness"], []),
    ],
)
def test_damage_moves_its_measures(
    damage: Callable[..., Tensor], strengths: tuple[float, ...], rising: list[str],
    falling: list[str],
) -> None:  # fmt: skip
    frame = photograph(272, 480)
    steps = [values(frame), *(values(damage(frame, strength)) for strength in strengths)]
    for before, after in pairwise(steps):
        assert all(after[name] > before[name] for name in rising)
        assert all(after[name] < before[name] for name in falling)


def test_noise_is_measured_in_grey_levels() -> None:
    frame = noisy(torch.full((1, 3, 256, 256), 128), 5)
    luma_sigma = 5 * np.hypot(np.hypot(0.299, 0.587), 0.114)
    assert np.expm1(values(frame)["noise"]) == pytest.approx(luma_sigma, rel=0.03)


@pytest.mark.parametrize("level", [0, 77, 255])
@pytest.mark.parametrize("size", [(16, 16), (112, 448)])
def test_constant_frames_are_alike(level: int, size: tuple[int, int]) -> None:
    found = values(torch.full((1, 3, *size), level, dtype=torch.uint8))
    flat = values(torch.zeros((1, 3, 64, 64), dtype=torch.uint8))
    assert found == flat | {"brightness": pytest.approx(level)}
    assert found["blockiness"] == 0
    assert found["shape_1"] == pytest.approx(0.2)


@pytest.mark.parametrize("size", [(1, 1), (5, 300), (16, 16), (33, 47), (541, 961)])
def test_every_size_has_finite_statistics(size: tuple[int, int]) -> None:
    found = frame_statistics(torch.cat([photograph(*size), noise(*size)]))
    assert found.shape == (2, len(SPATIAL))
    assert found.dtype == torch.float32
    assert bool(found.isfinite().all())


def test_small_frames_are_reflected() -> None:
    small = photograph(16, 20)
    continued = torch.cat([small, small.flip(-2)], dim=-2)
    continued = torch.cat([continued, continued.flip(-1)[..., :12]], dim=-1)
    assert torch.equal(frame_statistics(small), frame_statistics(continued))


@pytest.mark.parametrize("size", [(1200, 2000), (2000, 1200)])
def test_large_frames_count_in_their_central_part(size: tuple[int, int]) -> None:
    frame = photograph(*size)
    outside = noise(*size)
    rows, columns = (1080, 1920) if size[0] < size[1] else (1920, 1080)
    top, left = (size[0] - rows) // 16 * 8, (size[1] - columns) // 16 * 8
    part = (..., slice(top, top + rows), slice(left, left + columns))
    outside[part] = frame[part]
    assert torch.equal(frame_statistics(outside), frame_statistics(frame[part]))


def test_statistics_depend_on_nothing_but_the_frame() -> None:
    frames = torch.cat([photograph(270, 480), noise(270, 480)])
    threads = torch.get_num_threads()
    alone = frame_statistics(frames[1:])
    torch.set_num_threads(2)
    together = frame_statistics(frames)
    torch.set_num_threads(threads)
    assert torch.equal(together[1:], alone)


# --- consecutive frames -------------------------------------------------------------------------


def window(positions: list[float], noise: float = 0) -> Tensor:
    """Luma (frames, 32, 64) of a wave with a period of 32 px that moves to `positions`."""
    generator = torch.Generator().manual_seed(0)
    x = torch.arange(64) - torch.tensor(positions)[:, None, None]
    luma = 128 + 60 * torch.sin(2 * np.pi * x / 32).expand(-1, 32, -1)
    return luma + noise * torch.randn(luma.shape, generator=generator)


def repetition(luma: Tensor, seconds: list[float] | None = None) -> dict[str, float]:
    seconds = seconds or [t / 30 for t in range(len(luma))]
    return dict(zip(TEMPORAL, repeat_statistics(luma, seconds).tolist(), strict=True))


SMOOTH = [0.0, 1, 2, 3, 4]


@pytest.mark.parametrize("noise", [0, 0.2, 1.5])
@pytest.mark.parametrize("positions", [[0.0] * 5, SMOOTH], ids=["still", "smooth"])
def test_still_and_smooth_scenes_have_no_held_frames(positions: list[float], noise: float) -> None:
    assert repetition(window(positions, noise))["held"] == 0


def test_change_is_the_mean_difference_in_grey_levels() -> None:
    luma = torch.arange(5.0)[:, None, None].expand(5, 8, 8) * 4
    assert repetition(luma)["change"] == pytest.approx(np.log(4.3))


@pytest.mark.parametrize("noise", [0, 0.1])
@pytest.mark.parametrize(
    ("positions", "share"), [([0.0, 1, 1, 2, 3], 1 / 4), ([0.0, 0, 0, 3, 3], 3 / 4)]
)
def test_held_frames_are_counted(positions: list[float], share: float, noise: float) -> None:
    assert repetition(window(positions, noise))["held"] == share


def test_uneven_motion_is_not_held() -> None:
    assert repetition(window([0.0, 2, 2.5, 4.5, 5]))["held"] == 0


def test_missing_frames_are_held_ones() -> None:
    """At 25 frames per second, two frames are missing between 0.08 s and 0.2 s."""
    assert repetition(window(SMOOTH), [0, 0.04, 0.08, 0.2, 0.24])["held"] == pytest.approx(2 / 6)
    assert repetition(window(SMOOTH), [0.5] * 5)["held"] == 0


@pytest.mark.parametrize("fps", [24, 29.97, 60, 120])
def test_times_rounded_to_milliseconds_have_no_gaps(fps: float) -> None:
    found = repetition(window(SMOOTH), [round(t / fps, 3) for t in range(7, 12)])
    assert found["held"] == 0


def test_a_single_frame_has_neutral_statistics() -> None:
    unknown = repeat_statistics(window([0.0]), [0.0])
    joined = join_statistics(torch.ones(2, 3, len(SPATIAL)))
    assert joined.shape == (2, 3, STATISTICS)
    assert torch.equal(joined[0, 0, len(SPATIAL) :], unknown)
    assert torch.equal(join_statistics(torch.ones(len(SPATIAL)), unknown), joined[1, 2])
