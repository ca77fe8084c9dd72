"""Degradations: temporal kinds hold frames, and what is stronger is further from the original."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pandas as pd
import pytest

from vqathinker.datasets.made.degradations import DEGRADATIONS
from vqathinker.datasets.made.demo import make_set
from vqathinker.params import DataParams
from vqathinker.phases.parameters import resolve

Versions = Callable[..., list[tuple[float, np.ndarray]]]


@pytest.fixture
def versions(tmp_path: Path, config: dict[str, Any]) -> Versions:
    """versions(kind) are four of one content, weakest first: strength, and frames (T, H, W)."""
    data = resolve(config)["data"]

    def make(kind: str, number: int = 4) -> list[tuple[float, np.ndarray]]:
        changed = {"versions": number, "kinds": [kind]}
        counts = {**data["counts"], "demo_train": number}
        how = {**data, "counts": counts, "demo": {**data["demo"], **changed}}
        make_set("demo_train", DataParams.model_validate(how), tmp_path / kind)
        rows = pd.read_csv(tmp_path / kind / "degradations.csv").sort_values("strength")
        videos = tmp_path / kind / "videos"
        return [(row.strength, grey(videos / row.video)) for row in rows.itertuples()]

    return make


def grey(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    return np.stack(frames).astype(float)


def repeated(frames: np.ndarray) -> float:
    """Share of frames that show what the one before showed, up to what an encoder does to it."""
    return float((np.abs(np.diff(frames, axis=0)).mean((1, 2)) < 0.3).mean())


@pytest.mark.parametrize("kind", ["freeze", "stutter", "drop"])
def test_temporal_kinds_repeat_frames_the_more_the_stronger(versions: Versions, kind: str) -> None:
    made = versions(kind)
    shares = [repeated(frames) for _, frames in made]
    assert shares[-1] > shares[0] + 0.02
    assert all(later >= earlier - 0.05 for earlier, later in pairwise(shares))
    assert all(share > 0.85 * strength for share, (strength, _) in zip(shares, made, strict=True))


@pytest.mark.parametrize("kind", sorted(set(DEGRADATIONS) - {"freeze", "stutter", "drop"}))
def test_other_kinds_change_the_picture_the_more_the_stronger(
    versions: Versions, kind: str
) -> None:
    made = versions(kind)
    weakest = made[0][1]
    length = min(len(frames) for _, frames in made)
    errors = [float(np.abs(frames[:length] - weakest[:length]).mean()) for _, frames in made[1:]]
    assert errors == sorted(errors)
    assert errors[-1] > 1.5


def test_every_kind_of_the_parameters_can_be_made(config: dict[str, Any]) -> None:
    demo = resolve(config)["data"]["demo"]
    assert {*demo["kinds"], *demo["unseen_kinds"]} <= set(DEGRADATIONS)
