"""Degradations: temporal kinds repeat frames; stronger ones differ more from the original."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pandas as pd
import pytest

from vqathinker.datasets.synthetic.degradations import DEGRADATIONS
from vqathinker.datasets.synthetic.demo import make_set
from vqathinker.params import DataParams
from vqathinker.phases.parameters import resolve

Versions = Callable[..., list[tuple[float, np.ndarray]]]


@pytest.fixture
def versions(tmp_path: Path, config: dict[str, Any]) -> Versions:
    """versions(kind) encodes four versions of one content: strength and frames (T, H, W)."""
    data = resolve(config)["data"]

    def make(kind: str, number: int = 4) -> list[tuple[float, np.ndarray]]:
        changed = {"versions": number, "kinds": [kind]}
        counts = {**data["counts"], "demo_train": number}
        changed_data = {**data, "counts": counts, "demo": {**data["demo"], **changed}}
        make_set("demo_train", DataParams.model_validate(changed_data), tmp_path / kind)
        rows = pd.read_csv(tmp_path / kind / "degradations.csv").sort_values("strength")
        videos = tmp_path / kind / "videos"
        return [(row.strength, grey(videos / row.video)) for row in rows.itertuples()]

    return make


def grey(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    return np.stack(frames).astype(float)


def repeated(frames: np.ndarray) -> float:
    """Share of frames that equal the previous one, apart from coding noise."""
    return float((np.abs(np.diff(frames, axis=0)).mean((1, 2)) < 0.3).mean())


@pytest.mark.parametrize("kind", ["freeze", "stutter", "drop"])
def test_stronger_temporal_degradation_repeats_more_frames(versions: Versions, kind: str) -> None:
    encoded = versions(kind)
    shares = [repeated(frames) for _, frames in encoded]
    assert shares[-1] > shares[0] + 0.02
    assert all(later >= earlier - 0.05 for earlier, later in pairwise(shares))
    assert all(
        share > 0.85 * strength for share, (strength, _) in zip(shares, encoded, strict=True)
    )


@pytest.mark.parametrize("kind", sorted(set(DEGRADATIONS) - {"freeze", "stutter", "drop"}))
def test_stronger_degradation_changes_pixels_more(versions: Versions, kind: str) -> None:
    encoded = versions(kind)
    weakest = encoded[0][1]
    length = min(len(frames) for _, frames in encoded)
    errors = [float(np.abs(frames[:length] - weakest[:length]).mean()) for _, frames in encoded[1:]]
    assert errors == sorted(errors)
    assert errors[-1] > 1.5
