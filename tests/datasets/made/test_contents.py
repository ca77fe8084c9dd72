"""Contents: seeded, of several sizes, and no seen set has an unseen source."""

from itertools import pairwise
from pathlib import Path

import ffmpeg
import numpy as np
import pytest
import skimage.data
from PIL import Image

from vqathinker.datasets.made.contents import (
    GENERATORS,
    PHOTOGRAPHS,
    Content,
    draw_dead_leaves,
    make_contents,
    pristine_stream,
)
from vqathinker.video.ffmpeg import ffmpeg_binary


def of_set(name: str, folder: Path, unseen: bool = False, seed: int = 7) -> list[Content]:
    """Twelve contents, whose drawn pictures lie in `folder`."""
    folder.mkdir(exist_ok=True)
    return list(make_contents(name, 12, unseen, seed, folder))


def sources(shown: list[Content]) -> set[str]:
    """Names of photographs and generators."""
    return {content.source for content in shown if "/" not in content.source}


def drawn(shown: list[Content]) -> list[bytes]:
    return [Path(c.source).read_bytes() for c in shown if "/" in c.source]


def test_photographs_and_generators_are_split_in_disjoint_halves(tmp_path: Path) -> None:
    seen = sources(of_set("demo_train", tmp_path / "a"))
    unseen = sources(of_set("demo_content", tmp_path / "b", unseen=True))
    assert seen & set(PHOTOGRAPHS[0])
    assert seen & set(GENERATORS[0])
    assert unseen & set(PHOTOGRAPHS[1])
    assert unseen & set(GENERATORS[1])
    assert not seen & unseen
    assert not set(PHOTOGRAPHS[0]) & set(PHOTOGRAPHS[1])
    assert not set(GENERATORS[0]) & set(GENERATORS[1])


@pytest.mark.parametrize("name", [name for half in PHOTOGRAPHS for name in half])
def test_every_photograph_comes_with_scikit_image(name: str) -> None:
    assert (Path(skimage.data.__file__).parent / name).is_file()


def test_name_and_seed_decide_everything(tmp_path: Path) -> None:
    one = of_set("demo_train", tmp_path / "a")
    pictures = drawn(one)
    assert len(set(pictures)) == len(pictures) > 5
    assert list(make_contents("demo_train", 5, False, 7, tmp_path / "a")) == one[:5]
    for other in (
        of_set("demo_indomain", tmp_path / "b"),
        of_set("demo_train", tmp_path / "c", seed=8),
    ):
        assert not {content.seed for content in other} & {content.seed for content in one}
        assert not set(drawn(other)) & set(pictures)


@pytest.mark.parametrize("source", [*(name for half in GENERATORS for name in half), "coffee.png"])
def test_a_source_shows_the_same_frames_every_time_and_for_its_whole_length(source: str) -> None:
    content = Content("c000", source, width=64, height=48, fps=12, seconds=2.0, seed=5)
    out = ffmpeg.output(pristine_stream(content), "-", format="framemd5", t=content.seconds)
    once, again = (out.run(cmd=ffmpeg_binary(), capture_stdout=True, quiet=True)[0] for _ in "ab")
    assert once == again
    frames = [line for line in once.decode().splitlines() if not line.startswith("#")]
    assert len(frames) == 24
    assert len({line.split(",")[-1] for line in frames}) > 12  # it moves


@pytest.mark.parametrize("corners", [0, 3])
def test_a_drawn_picture_has_the_spectrum_of_a_photograph(tmp_path: Path, corners: int) -> None:
    """Amplitude like 1/f^a; natural images have an exponent around 1 (Field, 1987)."""
    exponents = []
    for seed in range(4):
        draw_dead_leaves(tmp_path / "a.png", np.random.default_rng(seed), corners, 192)
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
