"""Predictions on perturbed copies: scores equal those of separately decoded copies."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tests.evaluation.conftest import AUTHORS, SEEN, settings

from vqathinker.evaluation.perturbed import choose_videos, predict_perturbed
from vqathinker.evaluation.predict import predict
from vqathinker.evaluation.predictions import read_predictions
from vqathinker.params import (
    PerturbationParams,
    PreferenceParams,
)
from vqathinker.video.perturb import KINDS, draw_each_kind
from vqathinker.video.store import ClipStore, write_shard

DRAWN = PerturbationParams(
    kinds=list(KINDS), draws=1, window=4, jitter=1, duplicate_max=3, drop_max=3
)


@pytest.fixture
def rows(tmp_path: Path, tiny_base: Path, tiny_clips: Path) -> pd.DataFrame:
    """Predictions on the tiny clips and their copies."""
    out = tmp_path / "predictions.parquet"
    preference = PreferenceParams(benchmarks=["mine"], videos=None, seed=7)
    how = settings(16, "expected", ["mean"])
    predict_perturbed(
        tiny_base, [tiny_clips], how, AUTHORS, DRAWN, preference, SEEN,
        run="grpo", benchmark="mine", out=out,
    )  # fmt: skip
    return read_predictions(out).table


def test_every_clip_and_copy_has_a_row_with_only_the_needed_scores(rows: pd.DataFrame):
    assert rows["video"].tolist() == [video for video in SEEN for _ in range(7)]
    assert rows["kind"].tolist() == ["raw", *KINDS] * 6
    assert "mean" not in rows.columns


def test_scores_equal_those_of_separately_decoded_copies(
    rows: pd.DataFrame, tmp_path: Path, tiny_base: Path, tiny_clips: Path
):
    """Kind `random_drop` is left out: a blank frame, 0 after normalisation, is no 8-bit colour."""
    rows = rows.set_index(["kind", "video"])
    store, kinds = ClipStore([tiny_clips]), [kind for kind in KINDS if kind != "random_drop"]
    for kind in ("raw", *kinds):
        order = [
            list(range(6)) if kind == "raw" else list(copy.indices)
            for video in SEEN
            for copy in draw_each_kind(video, 6, 7, DRAWN)
            if kind in ("raw", copy.kind)
        ][:: 6 if kind == "raw" else 1]
        frames = torch.stack([store.frames(v)[o] for v, o in zip(SEEN, order, strict=True)])
        clips, out = tmp_path / f"{kind}.safetensors", tmp_path / f"{kind}.parquet"
        write_shard(clips, SEEN, frames, torch.arange(6).expand(6, 6), {}, "6x56", {})
        how = settings(16, "expected", ["mean"])
        predict(tiny_base, [clips], how, AUTHORS, run="grpo", benchmark="mine", out=out)
        alone = read_predictions(out).table.set_index("video")
        assert rows.loc[kind, "completion"].tolist() == alone["completion"].tolist()
        np.testing.assert_allclose(rows.loc[kind, "score"], alone["score"], rtol=1e-4)


def test_larger_samples_contain_smaller_ones_in_any_order():
    names = [f"{number}.mp4" for number in range(50)]
    some = choose_videos(names, 20, 7)
    assert len(some) == 20
    assert choose_videos(names[::-1], 20, 7) == some < choose_videos(names, 30, 7)
    assert choose_videos(names, 20, 8) != some
    assert choose_videos(names, None, 7) == choose_videos(names, 60, 7) == set(names)
