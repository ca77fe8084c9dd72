"""Source contents of the demo, cropped by a moving window.

They are photographs, ffmpeg's generators and "dead leaves" images.
A dead leaves image consists of overlapping textured shapes with sharp edges at all scales. It has
the statistics of a photograph (occlusion, edges, a 1/f spectrum), so degradations affect it in the
same way.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import ffmpeg
import numpy as np
import skimage.data
from PIL import Image, ImageDraw

FRAME_SIZES = ((144, 112), (160, 120), (128, 128), (112, 144), (160, 112))
FRAME_RATES = (12, 15, 24, 25, 30)

# Pairs: the first element is for training, the second for the unseen contents of `demo_content`.
_TRAINING_PNG = ("astronaut", "brick", "cell", "coffee", "coins", "gravel", "ihc", "moon")
PHOTOGRAPHS = (
    (*(f"{name}.png" for name in _TRAINING_PNG), "retina.jpg", "rocket.jpg"),
    ("chelsea.png", "grass.png", "motorcycle_left.png", "camera.png"),
)
GENERATORS = (("testsrc2", "mandelbrot", "sierpinski"), ("testsrc", "life"))
_SHAPE_CORNERS = (0, 3)  # of dead leaves: ellipses, triangles


@dataclass(frozen=True)
class Content:
    """One source content: a picture or generator, size in pixels, rate in frames/s, length in s."""

    name: str
    source: str
    width: int
    height: int
    fps: int
    seconds: float
    seed: int


def make_contents(
    name: str, number: int, unseen: bool, seed: int, pictures: Path
) -> Iterator[Content]:
    """Yield the contents of a set: of ten, three photographs, one generator and six dead leaves.

    Dead leaves images are drawn into the folder `pictures`. Sets with different names share no
    window path, colour or drawn image. `unseen` sets also share no photograph, generator or shape
    with the other sets.
    """
    photographs, generators = cycle(PHOTOGRAPHS[unseen]), cycle(GENERATORS[unseen])
    for i in range(number):
        rng = np.random.default_rng([seed, *name.encode(), i])
        if i % 10 == 8:
            source = next(generators)
        elif i % 3 == 0:
            source = next(photographs)
        else:
            source = str(pictures / f"{name}_c{i:03d}.png")
            draw_dead_leaves(Path(source), rng, corners=_SHAPE_CORNERS[unseen])
        width, height = FRAME_SIZES[i % len(FRAME_SIZES)]
        yield Content(
            name=f"c{i:03d}",
            source=source,
            width=width,
            height=height,
            fps=FRAME_RATES[rng.integers(len(FRAME_RATES))],
            seconds=round(float(rng.uniform(2.0, 4.0)), 2),
            seed=int(rng.integers(2**31)),
        )


def reference_stream(content: Content) -> Any:
    """The undegraded clip as an ffmpeg-python stream; some clips are mirrored or flip half-way."""
    rng = np.random.default_rng([content.seed, 1])
    if "." in content.source:
        stream = _picture_stream(content)
        hue, saturation = int(rng.integers(-40, 40)), round(rng.uniform(0.7, 1.3), 2)
        stream = stream.filter("hue", h=hue, s=saturation)
    else:
        stream = _generator_stream(content)
    if rng.random() < 0.5:
        stream = stream.filter("hflip")
    if rng.random() < 0.3:
        stream = stream.filter("vflip", enable=f"gte(t,{content.seconds / 2})")
    return stream.filter("format", "yuv420p").filter("setsar", 1)


def _picture_stream(content: Content) -> Any:
    rng = np.random.default_rng(content.seed)
    path = Path(content.source)
    if "/" not in content.source:
        path = Path(skimage.data.__file__).parent / content.source
    zoom = float(rng.uniform(1.5, 2.2))
    stream = ffmpeg.input(str(path), framerate=content.fps)
    width, height = int(content.width * zoom), int(content.height * zoom)
    stream = stream.filter("scale", width, height, flags="bicubic")
    # Reads and scales the picture once; `-loop 1` would do both for every frame.
    stream = stream.filter("loop", loop=-1, size=1).filter("trim", duration=content.seconds)
    return stream.filter("crop", content.width, content.height, *_window_path(content, rng))


def _generator_stream(content: Content) -> Any:
    rng = np.random.default_rng(content.seed)
    options: dict[str, Any] = {
        "size": f"{2 * (content.width * 5 // 8)}x{2 * (content.height * 5 // 8)}",
        "rate": content.fps,
    }
    if content.source == "mandelbrot":
        options |= {"start_scale": round(float(rng.uniform(0.05, 1.5)), 3), "end_scale": 0.02}
    elif content.source == "sierpinski":
        options |= {"seed": content.seed}
    elif content.source == "life":
        options |= {"random_seed": content.seed, "random_fill_ratio": 0.4, "mold": 10}
        options |= {"life_color": "#d0e060", "death_color": "#203050"}
    graph = content.source + "=" + ":".join(f"{key}={value}" for key, value in options.items())
    stream = ffmpeg.input(graph, f="lavfi", t=content.seconds)
    return stream.filter("crop", content.width, content.height, *_window_path(content, rng))


def _window_path(content: Content, rng: np.random.Generator) -> tuple[str, str]:
    """Left and top edge, over time, of a window that crosses the picture on a random line."""
    reach = rng.choice([-1, 1], 2) * rng.uniform(0.35, 0.5, 2)
    x, y = (
        f"(in_{side}-out_{side})*(0.5+{share:.4f}*(2*t/{content.seconds}-1))"
        for side, share in zip("wh", reach, strict=True)
    )
    return x, y


def draw_dead_leaves(path: Path, rng: np.random.Generator, corners: int, size: int = 288) -> None:
    """Write a dead leaves image as PNG: 300 shapes, largest first, with grain.

    Args:
        rng: random generator; its state determines all bytes.
        corners: number of corners of each shape; 0 draws ellipses.
        size: side of the image in pixels.
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
    """Noise (size, size) with amplitude ∝ 1/f^0.7, mean 0 and standard deviation 1."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size))
    frequency[0, 0] = 1.0
    spectrum = np.fft.rfft2(rng.standard_normal((size, size))) / frequency**0.7
    grain = np.fft.irfft2(spectrum, s=(size, size))
    return (grain - grain.mean()) / grain.std()
