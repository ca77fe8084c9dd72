"""A small data set."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from vqathinker.datasets.card import Card

MakeCard = Callable[..., Card]
Label = tuple[str, float | str]


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An mp4 of 12 frames with 48x32 pixels, at 10 frames/s."""
    path = tmp_path_factory.mktemp("video") / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for number in range(12):
            picture = np.full((32, 48, 3), number * 20, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path.read_bytes()


@pytest.fixture
def make_card() -> MakeCard:
    """make_card(expected=3, ...) returns a minimal card with changed values."""

    def make(**changes: Any) -> Card:
        label = {"file": "labels.csv", "reader": "csv", "scale": [0, 100]}
        content = {
            "name": "small",
            "title": "Small",
            "role": "in-domain",
            "licence": "none",
            "homepage": "https://example.org/small",
            "citation": "none",
            "expected": None,
            "access": {"kind": "local", "say": "ask for it"},
            "labels": [label | changes.pop("label", {})],
        }
        return Card.model_validate(content | changes)

    return make


@pytest.fixture
def make_source(tmp_path: Path, video: bytes) -> Callable[..., Path]:
    """make_source(labels, videos) creates a source folder with intact videos."""

    def make(labels: Sequence[Label], videos: Sequence[str] = ()) -> Path:
        source = tmp_path / "source"
        (source / "videos").mkdir(parents=True)
        rows = "".join(f"{name},{mos}\n" for name, mos in labels)
        (source / "labels.csv").write_text("video,mos\n" + rows, encoding="utf-8")
        for name in videos:
            path = source / "videos" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(video)
        return source

    return make
