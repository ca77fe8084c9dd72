"""Pictures the project draws for the demo: overlapping textured shapes, sharp edges at all scales.

A "dead leaves" picture has the statistics of a photograph (occlusion, edges, a spectrum that falls
like 1/f), so what a degradation does to it looks like what it does to a photograph.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

__all__ = ["draw_dead_leaves"]


def draw_dead_leaves(path: Path, rng: np.random.Generator, corners: int, size: int = 288) -> None:
    """Write a PNG of `size` × `size` px: 300 shapes, largest first, each shaded and textured.

    Args:
        rng: decides everything; the same generator state gives the same bytes.
        corners: of each shape; 0 draws ellipses.
    """
    image = Image.new("RGB", (size, size), tuple(int(v) for v in rng.integers(60, 200, 3)))
    draw = ImageDraw.Draw(image)
    tint = rng.uniform(0.3, 1.0, 3)
    for radius in np.sort(size / 3 * rng.uniform(0.03, 1, 300) ** 2 + 2)[::-1]:
        level = rng.uniform(20, 235)
        colour = np.clip(level + 90 * (tint - 0.6) + rng.normal(0, 25, 3), 0, 255).astype(int)
        centre = rng.uniform(0, size, 2)
        fill = (int(colour[0]), int(colour[1]), int(colour[2]))
        if corners == 0:
            half_axes = radius * rng.uniform(0.5, 1.0, 2)
            draw.ellipse([*(centre - half_axes), *(centre + half_axes)], fill=fill)
        else:
            draw.polygon(_random_polygon(rng, centre, float(radius), corners), fill=fill)
    grain = _grain(rng, size) * rng.uniform(6, 22)
    pixels = np.asarray(image, dtype=np.float64) + grain[..., None]
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path)


def _random_polygon(
    rng: np.random.Generator, centre: np.ndarray, radius: float, corners: int
) -> list[tuple[float, float]]:
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    distances = radius * rng.uniform(0.6, 1.4, corners)
    return [
        (float(centre[0] + r * np.cos(a)), float(centre[1] + r * np.sin(a)))
        for r, a in zip(distances, angles, strict=True)
    ]


def _grain(rng: np.random.Generator, size: int) -> np.ndarray:
    """Noise (size, size) whose amplitude falls like 1/f^0.7, mean 0, standard deviation 1."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size))
    frequency[0, 0] = 1.0
    spectrum = np.fft.rfft2(rng.standard_normal((size, size))) / frequency**0.7
    grain = np.fft.irfft2(spectrum, s=(size, size))
    return (grain - grain.mean()) / grain.std()
