"""Degradations: temporal kinds repeat frames; stronger ones differ more from the original."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import av
import ffmpeg
import numpy as np
import pytest

from vqathinker.datasets.synthetic.contents import (
    Content,
    draw_picture,
    moving_window,
    plan_contents,
    reference_stream,
)
from vqathinker.datasets.synthetic.degradations import (
    ENCODERS,
    FILTERS,
    SEVERITY,
    light_encoding,
    upscale,
)
from vqathinker.video.ffmpeg import ffmpeg_binary

TEMPORAL = ("freeze", "stutter", "judder", "drop")
STRENGTHS = (0.1, 0.4, 0.7, 1.0)
Versions = Callable[[str], list[np.ndarray]]


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> Content:
    folder = tmp_path_factory.mktemp("pictures")
    content = list(plan_contents("demo_train", 3, False, 7, folder))[1]
    draw_picture(content)
    return content


@pytest.fixture
def versions(tmp_path: Path, content: Content) -> Versions:
    """versions(kind): frames (T, H, W) of the content with each of STRENGTHS of a degradation."""

    def make(kind: str) -> list[np.ndarray]:
        frames = []
        for strength in STRENGTHS:
            rng = np.random.default_rng(3)
            stream = moving_window(reference_stream(content), content, rng)
            codec = light_encoding(rng)
            if kind in FILTERS:
                stream = FILTERS[kind](stream, content, strength, rng)
                stream = upscale(stream, content, rng) if kind == "downscale" else stream
            else:
                codec = ENCODERS[kind](strength)
            path = tmp_path / f"{kind}{strength}.mkv"
            out = ffmpeg.output(stream, str(path), pix_fmt="yuv420p", t=content.seconds, **codec)
            out.run(cmd=ffmpeg_binary(), quiet=True)
            with av.open(str(path)) as container:
                grey = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
            frames.append(np.stack(grey).astype(np.float32))
        return frames

    return make


def repeated(frames: np.ndarray) -> float:
    """Share of frames that equal the previous one, apart from coding noise."""
    return float((np.abs(np.diff(frames, axis=0)).mean((1, 2)) < 0.3).mean())


def test_each_kind_has_a_severity() -> None:
    assert SEVERITY.keys() == FILTERS.keys() | ENCODERS.keys()


@pytest.mark.parametrize("kind", TEMPORAL)
def test_stronger_temporal_degradation_repeats_more_frames(versions: Versions, kind: str) -> None:
    shares = [repeated(frames) for frames in versions(kind)]
    assert shares[-1] > shares[0] + 0.25
    assert all(later >= earlier - 0.05 for earlier, later in pairwise(shares))


@pytest.mark.parametrize("kind", sorted((FILTERS.keys() | ENCODERS.keys()) - set(TEMPORAL)))
def test_stronger_degradation_changes_pixels_more(versions: Versions, kind: str) -> None:
    encoded = versions(kind)
    weakest = encoded[0]
    length = min(len(frames) for frames in encoded)
    errors = [float(np.abs(frames[:length] - weakest[:length]).mean()) for frames in encoded[1:]]
    if kind == "colour":  # brightness hardly changes
        assert errors[-1] > errors[0]
        return
    assert errors == sorted(errors)
    assert errors[-1] > 1.0
