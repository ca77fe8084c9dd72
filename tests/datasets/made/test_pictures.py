"""Drawn pictures: the generator decides every byte, and they look like photographs to a filter."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vqathinker.datasets.made.contents import draw_dead_leaves


def draw(path: Path, seed: int = 1, corners: int = 0, size: int = 96) -> bytes:
    draw_dead_leaves(path, np.random.default_rng(seed), corners, size)
    return path.read_bytes()


def test_the_same_generator_draws_the_same_bytes_and_another_others(tmp_path: Path) -> None:
    one = draw(tmp_path / "a.png", seed=1)
    assert draw(tmp_path / "b.png", seed=1) == one
    assert draw(tmp_path / "c.png", seed=2) != one


def test_a_generator_goes_on_from_picture_to_picture(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for name in ("a.png", "b.png"):
        draw_dead_leaves(tmp_path / name, rng, 0, 96)
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("size", [64, 96])
def test_a_picture_is_a_coloured_square_of_the_size_asked_for(tmp_path: Path, size: int) -> None:
    draw(tmp_path / "a.png", size=size)
    with Image.open(tmp_path / "a.png") as image:
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", (size, size))
        pixels = np.asarray(image, dtype=float)
    assert np.ptp(pixels) > 100
    assert np.abs(pixels[..., 0] - pixels[..., 2]).mean() > 2


def test_ellipses_and_triangles_make_different_pictures(tmp_path: Path) -> None:
    assert draw(tmp_path / "a.png", corners=0) != draw(tmp_path / "b.png", corners=3)


@pytest.mark.parametrize("corners", [0, 3])
def test_the_spectrum_falls_like_that_of_a_photograph(tmp_path: Path, corners: int) -> None:
    """Amplitude like 1/f^a; natural images have an exponent around 1 (Field, 1987)."""
    exponents = []
    for seed in range(4):
        draw(tmp_path / "a.png", seed, corners, 192)
        with Image.open(tmp_path / "a.png") as image:
            grey = np.asarray(image.convert("L"), dtype=float)
        grey = (grey - grey.mean()) * np.outer(np.hanning(192), np.hanning(192))
        amplitude = np.abs(np.fft.fft2(grey))
        radius = np.hypot(*np.meshgrid(np.fft.fftfreq(192), np.fft.fftfreq(192)))
        edges = np.geomspace(4 / 192, 0.4, 8)
        rings = [(radius >= low) & (radius < high) for low, high in pairwise(edges)]
        levels = [amplitude[ring].mean() for ring in rings]
        exponents.append(-np.polyfit(np.log(edges[:-1]), np.log(levels), 1)[0])
    assert 0.6 < np.mean(exponents) < 1.6
