"""Source contents: determined by seeds, with disjoint seen and unseen sources."""

from itertools import pairwise
from pathlib import Path

import ffmpeg
import numpy as np
import pytest
from PIL import Image

from vqathinker.datasets.synthetic.contents import (
    FRAME_SIZES,
    PHOTOGRAPHS,
    SHAPES,
    Content,
    draw_dead_leaves,
    draw_picture,
    moving_window,
    plan_contents,
    reference_stream,
    tile_photograph,
)
from vqathinker.video.ffmpeg import ffmpeg_binary


def contents_of(name: str, folder: Path, unseen: bool = False, seed: int = 7) -> list[Content]:
    """Seven contents; their pictures are written to `folder`."""
    folder.mkdir(exist_ok=True)
    contents = list(plan_contents(name, 7, unseen, seed, folder))
    for content in contents:
        draw_picture(content)
    return contents


def pictures_of(contents: list[Content]) -> set[bytes]:
    return {content.picture.read_bytes() for content in contents}


def test_seen_and_unseen_sources_are_disjoint() -> None:
    for seen, unseen in (PHOTOGRAPHS, SHAPES):
        assert seen
        assert unseen
        assert not set(seen) & set(unseen)


def test_name_and_seed_determine_contents(tmp_path: Path) -> None:
    one = contents_of("demo_train", tmp_path / "a")
    pictures = pictures_of(one)
    assert len(pictures) == len(one)
    assert list(plan_contents("demo_train", 3, False, 7, tmp_path / "a")) == one[:3]
    assert pictures_of(one) == pictures
    for other in (
        contents_of("demo_indomain", tmp_path / "b"),
        contents_of("demo_train", tmp_path / "c", seed=8),
    ):
        assert not {content.seed for content in other} & {content.seed for content in one}
        assert not pictures_of(other) & pictures


def test_pictures_exceed_the_window(tmp_path: Path) -> None:
    for content in contents_of("demo_train", tmp_path / "a"):
        assert (content.width, content.height) in FRAME_SIZES
        with Image.open(content.picture) as picture:
            assert picture.width > content.width
            assert picture.height > content.height


@pytest.mark.parametrize("name", [name for half in PHOTOGRAPHS for name in half])
def test_photograph_fills_the_picture(name: str) -> None:
    """Not enlarged by more than 1.9, so it keeps fine detail."""
    picture = tile_photograph(name, (1000, 700), np.random.default_rng(1))
    assert picture.size == (1000, 700)
    pixels = np.asarray(picture, float)
    assert np.abs(np.diff(pixels, axis=1)).mean() > 1
    assert pixels.std() > 15


@pytest.mark.parametrize("shape", [shape for half in SHAPES for shape in half])
def test_dead_leaves_have_the_spectrum_of_photographs(shape: str) -> None:
    """The amplitude falls about as 1/f: a slope of -0.7 to -1.8 in logarithms.

    Source: D. J. Tolhurst, Y. Tadmor and T. Chao, Amplitude spectra of natural images, 1992
    (photographs: -0.8 to -1.5).
    """
    slopes = []
    for seed in range(3):
        picture = draw_dead_leaves((512, 512), np.random.default_rng(seed), (shape,))
        grey = np.asarray(picture.convert("L"), float)
        window = np.hanning(512)
        amplitude = np.abs(np.fft.fft2((grey - grey.mean()) * window * window[:, None]))
        axis = np.fft.fftfreq(512)
        radius = np.hypot(axis[:, None], axis)
        rings = np.geomspace(0.01, 0.3, 12)
        means = [amplitude[(radius >= low) & (radius < high)].mean()
                 for low, high in pairwise(rings)]  # fmt: skip
        slopes.append(np.polyfit(np.log(rings[:-1]), np.log(means), 1)[0])
    assert -1.8 < np.mean(slopes) < -0.7


def test_clip_is_deterministic_and_moves(tmp_path: Path) -> None:
    content = contents_of("demo_train", tmp_path / "a")[1]
    stream = moving_window(reference_stream(content), content, np.random.default_rng(2))
    out = ffmpeg.output(stream, "-", format="framemd5", t=content.seconds)
    once, again = (out.run(cmd=ffmpeg_binary(), capture_stdout=True, quiet=True)[0] for _ in "ab")
    assert once == again
    frames = [line for line in once.decode().splitlines() if not line.startswith("#")]
    assert len(frames) == pytest.approx(content.seconds * content.fps, abs=1)
    assert len({line.split(",")[-1] for line in frames}) > len(frames) // 2
