"""Source contents of the demo: pictures that a window moves across.

They are photographs of scikit-image and "dead leaves" images. A dead leaves image consists of
overlapping textured shapes whose sizes follow a power law. It has the statistics of a photograph
(occlusion, edges, a 1/f spectrum), so degradations affect it in the same way.

Source: A. B. Lee, D. Mumford and J. Huang, Occlusion models for natural images, 2001.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any

import ffmpeg
import numpy as np
import skimage.data
from PIL import Image, ImageDraw, ImageFilter

FRAME_SIZES = ((960, 540), (640, 360), (540, 960), (1280, 720))
_SIZE_SHARES = (0.64, 0.24, 0.09, 0.03)
FRAME_RATES = (20, 24, 25, 30)
_SECONDS = (0.5, 0.8)  # shortest and longest clip, except for every `_LONG_EVERY`th
_LONG_SECONDS, _LONG_EVERY = (6.0, 8.0), 40

# Pairs: the first element is for training, the second for the unseen contents of `demo_content`.
PHOTOGRAPHS = (
    ("astronaut", "brick", "coffee", "camera", "motorcycle_left", "rocket.jpg"),
    ("chelsea", "coins", "grass", "gravel"),
)
_PHOTOGRAPH_EVERY = 3  # the other contents are dead leaves
SHAPES = (("ellipse", "polygon"), ("rectangle", "star"))
_TEXTURE_SLOPES = (0.6, 0.8, 1.0, 1.2, 1.5)  # of amplitude over spatial frequency
_TEXTURE_SIZE = 1024


@dataclass(frozen=True)
class Content:
    """One source content: a picture, frame size in pixels, rate in frames/s, length in s.

    `source` is a photograph's name, or names of shapes of dead leaves.
    """

    name: str
    picture: Path
    source: str | tuple[str, ...]
    width: int
    height: int
    fps: int
    seconds: float
    seed: int


def plan_contents(
    name: str, number: int, unseen: bool, seed: int, pictures: Path
) -> Iterator[Content]:
    """Plan the contents of a set, with pictures in the folder `pictures`.

    Every third is a photograph. Sets with different names share no picture. `unseen` sets also
    share no photograph and no family of shapes with the other sets.
    """
    photographs = cycle(PHOTOGRAPHS[unseen])
    for i in range(number):
        rng = np.random.default_rng([seed, *name.encode(), i])
        width, height = FRAME_SIZES[rng.choice(len(FRAME_SIZES), p=_SIZE_SHARES)]
        seconds = _SECONDS
        if i % _LONG_EVERY == _LONG_EVERY - 1:
            (width, height), seconds = FRAME_SIZES[1], _LONG_SECONDS
        yield Content(
            name=f"c{i:03d}",
            picture=pictures / f"{name}_c{i:03d}.ppm",
            source=next(photographs) if i % _PHOTOGRAPH_EVERY == 0 else SHAPES[unseen],
            width=width,
            height=height,
            fps=int(rng.choice(FRAME_RATES)),
            seconds=round(float(rng.uniform(*seconds)), 2),
            seed=int(rng.integers(2**31)),
        )


def draw_picture(content: Content) -> None:
    """Write the picture of a content, which is larger than its frames."""
    rng = np.random.default_rng(content.seed)
    margin = rng.uniform(1.15, 1.3) + 0.06 * content.seconds  # so that long clips move, too
    size = int(content.width * margin), int(content.height * margin)
    if isinstance(content.source, str):
        picture = tile_photograph(content.source, size, rng)
    else:
        picture = draw_dead_leaves(size, rng, content.source)
    picture.save(content.picture)


def reference_stream(content: Content) -> Any:
    """The undegraded picture as a video of the clip's length, an ffmpeg-python stream."""
    stream = ffmpeg.input(str(content.picture), framerate=content.fps)
    # Reads the picture once; `-loop 1` would do so for every frame.
    stream = stream.filter("loop", loop=-1, size=1).filter("trim", duration=content.seconds)
    return stream.filter("format", "yuv420p").filter("setsar", 1)


def moving_window(stream: Any, content: Content, rng: np.random.Generator) -> Any:
    """A window that pans on a random line at varying speed, by a hand that trembles."""
    ends = rng.uniform([[0.05], [0.65]], [[0.35], [0.95]], (2, 2))  # of the free way, for x and y
    ends[1] = ends[0] + (ends[1] - ends[0]) * rng.uniform(0.3, 1)
    ends = ends[:: rng.choice([-1, 1])]
    turns, shake = rng.uniform(0.3, 1.5), rng.uniform(0, 5) * rng.random()
    share = f"t/{content.seconds}"
    share = f"({share}+{rng.uniform(-0.12, 0.12):.4f}*sin({2 * np.pi * turns:.4f}*{share}))"
    paths = []
    for side, first, last in zip("wh", *ends, strict=True):
        rate, phase = rng.uniform(8, 30), rng.uniform(0, 2 * np.pi)
        trembling = f"{shake:.2f}*sin({rate:.3f}*t+{phase:.3f})"
        paths.append(f"(in_{side}-out_{side})*({first:.4f}+{last - first:.4f}*{share})+{trembling}")
    return stream.filter("crop", content.width, content.height, *paths)


def tile_photograph(name: str, size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """A photograph of scikit-image, repeated by reflection to fill `size` (width, height)."""
    file = name if "." in name else f"{name}.png"
    photograph = Image.open(Path(skimage.data.__file__).parent / file).convert("RGB")
    scale = rng.uniform(1.0, 1.9)
    photograph = photograph.resize(
        (round(photograph.width * scale), round(photograph.height * scale)),
        Image.Resampling.LANCZOS,
    )
    pixels = np.asarray(photograph)[:: rng.choice([-1, 1]), :: rng.choice([-1, 1])]
    top, left = (int(rng.integers(side)) for side in pixels.shape[:2])
    pixels = np.pad(pixels, ((0, size[1]), (0, size[0]), (0, 0)), mode="symmetric")
    window = pixels[top : top + size[1], left : left + size[0]] * (1 + rng.uniform(-0.12, 0.12, 3))
    return Image.fromarray(np.clip(window, 0, 255).astype(np.uint8))


def draw_dead_leaves(
    size: tuple[int, int], rng: np.random.Generator, shapes: tuple[str, ...]
) -> Image.Image:
    """A dead leaves image of `size` (width, height) with textures, shading and depth of field.

    Args:
        rng: random generator; its state determines all pixels.
        shapes: any of ellipse, polygon, rectangle, star.
    """
    width, height = size
    number = int(rng.integers(150, 1400))
    image, leaf_of_pixel = _draw_leaves(size, rng, shapes, number)
    pixels = np.asarray(image, np.float32)
    amplitude = rng.gamma(1.2, rng.uniform(3, 14), number + 1).astype(np.float32)
    slope = rng.integers(len(_TEXTURE_SLOPES), size=number + 1)[leaf_of_pixel]
    texture = np.zeros((height, width), np.float32)
    for i, tile in enumerate(_textures()):
        shift = rng.integers(_TEXTURE_SIZE, size=2)
        rows, columns = (
            (np.arange(side) + first) % _TEXTURE_SIZE
            for side, first in zip((height, width), shift, strict=True)
        )
        np.copyto(texture, tile[rows[:, None], columns], where=slope == i)
    shading = 1 + rng.uniform(0, 0.2) * _smooth_field(size, rng)
    pixels = pixels * shading[..., None] + (amplitude[leaf_of_pixel] * texture)[..., None]
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    if rng.random() < 0.4:  # some depth of field
        blurred = image.filter(ImageFilter.GaussianBlur(rng.uniform(1.5, 6)))
        near = _smooth_field(size, rng) > rng.uniform(-0.5, 1)
        mask = Image.fromarray(near.astype(np.uint8) * 255).filter(ImageFilter.GaussianBlur(6))
        image = Image.composite(blurred, image, mask)
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(0.45, 0.75)))


def _draw_leaves(
    size: tuple[int, int], rng: np.random.Generator, shapes: tuple[str, ...], number: int
) -> tuple[Image.Image, np.ndarray]:
    """The flat shapes in colour, and the index 0..number of the shape at each pixel."""
    width, height = size
    base = rng.uniform(30, 220, 3)
    colours = np.clip(base + rng.normal(0, rng.uniform(20, 70), (number + 1, 3)), 5, 250)
    grey = rng.uniform(0, 1)
    colours = (colours * (1 - grey) + colours.mean(1, keepdims=True) * grey).astype(int)
    smallest, largest = 4.0, rng.uniform(120, 420)
    share = rng.uniform(0, 1, number)
    radii = (smallest**-2 + share * (largest**-2 - smallest**-2)) ** -0.5  # density ∝ r^-3
    if rng.random() < 0.5:
        radii = np.sort(radii)[::-1]
    # Large ones below the others, in half of the pictures, leave little background.
    covering = number // 20 if rng.random() < 0.5 else 0
    radii[:covering] = rng.uniform(0.2 * largest, largest, covering)
    leaves = Image.new("I", (2 * width, 2 * height), 0)  # twice the size, for smooth edges
    draw = ImageDraw.Draw(leaves)
    for i, radius in enumerate(radii, start=1):
        centre = rng.uniform(-50, (width + 50, height + 50))
        outline = _outline(rng.choice(shapes), float(radius), rng)
        draw.polygon([(float(x), float(y)) for x, y in 2 * (centre + outline)], fill=i)
    index = np.asarray(leaves)
    colour_of_pixel = colours.astype(np.uint8)[index]
    return Image.fromarray(colour_of_pixel).reduce(2), index[::2, ::2]


def _outline(shape: str, radius: float, rng: np.random.Generator) -> np.ndarray:
    """Corners (n, 2) around the origin; ellipses have many."""
    corners = {"ellipse": 24 if radius < 40 else 64, "rectangle": 4, "star": 10}
    if shape == "polygon":
        angles: np.ndarray = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 8)))
    else:
        angles = np.linspace(0, 2 * np.pi, corners[shape], endpoint=False)
    distance = np.full(len(angles), radius)
    if shape == "star":
        distance[1::2] *= 0.45
    corners_xy = np.stack([np.cos(angles), np.sin(angles) * rng.uniform(0.4, 1.6)], 1)
    corners_xy = corners_xy * distance[:, None]
    turn = rng.uniform(0, 2 * np.pi)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return corners_xy @ rotation


@cache
def _textures() -> list[np.ndarray]:
    """Textures whose amplitude falls with spatial frequency, one per slope."""
    rng = np.random.default_rng(7)
    size = (_TEXTURE_SIZE, _TEXTURE_SIZE)
    return [_noise(size, slope, rng) for slope in _TEXTURE_SLOPES]


def _smooth_field(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A smooth random field (height, width) with standard deviation about 1."""
    coarse = Image.fromarray(_noise((size[1] // 40, size[0] // 40), 1.2, rng))
    return np.asarray(coarse.resize(size, Image.Resampling.BICUBIC))


def _noise(shape: tuple[int, int], slope: float, rng: np.random.Generator) -> np.ndarray:
    """Noise (height, width) float32, amplitude ∝ 1/f^slope, mean 0, standard deviation 1."""
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1]))
    frequency[0, 0] = 1.0
    spectrum = np.fft.rfft2(rng.standard_normal(shape)) / frequency**slope
    noise = np.fft.irfft2(spectrum, s=shape)
    return ((noise - noise.mean()) / noise.std()).astype(np.float32)
