"""Predictions on perturbed copies: those of the copies' own pixels, drawn by video and kind."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from vqathinker.evaluation.perturbed import choose_videos, predict_perturbed
from vqathinker.evaluation.predict import predict
from vqathinker.evaluation.predictions import read_predictions
from vqathinker.params import (
    AnswerParams,
    EvaluationParams,
    PerturbationParams,
    PreferenceParams,
)
from vqathinker.video.perturb import KINDS, draw_each_kind
from vqathinker.video.store import ClipStore, write_shard

SEEN = [f"clip{number}.mp4" for number in range(6)]
AUTHORS = AnswerParams(reading="authors", range=None)
DRAWN = PerturbationParams(
    kinds=list(KINDS), draws=1, window=4, jitter=1, duplicate_max=3, drop_max=3
)

# Brightness of six frames; none of them is that of a blank one.

Ask = Callable[..., pd.DataFrame]


def how(batch_size: int = 16, score: str = "expected") -> EvaluationParams:
    return EvaluationParams.model_validate(
        {
            "batch_size": batch_size,
            "max_new_tokens": 4,
            "score": score,
            "beside": ["mean"],
            "precision": "fp32",
            "sampling": {"answers": 3, "temperature": 1.0, "seed": 7},
        }
    )


@pytest.fixture
def ask(tmp_path: Path, tiny_base: Path, tiny_clips: Path) -> Ask:
    """ask(batch_size=…, videos=…, …) are the rows about the tiny clips and their copies."""

    def run(
        *settings: Any, videos: int | None = None, clips: Path = tiny_clips,
        name: str = "said.parquet", of: Sequence[str] = SEEN, policy: Path = tiny_base,
    ) -> pd.DataFrame:  # fmt: skip
        out = tmp_path / name
        preference = PreferenceParams(benchmarks=["mine"], videos=videos, seed=7)
        predict_perturbed(
            policy, [clips], how(*settings), AUTHORS, DRAWN, preference, of,
            run="grpo", benchmark="mine", out=out,
        )  # fmt: skip
        return read_predictions(out).table

    return run


def test_a_clip_and_a_copy_of_every_kind_have_a_row_and_no_other_score_is_made(ask: Ask):
    rows = ask()
    assert rows["video"].tolist() == [video for video in SEEN for _ in range(7)]
    assert rows["kind"].tolist() == ["raw", *KINDS] * 6
    assert "mean" not in rows.columns


def test_scores_are_those_of_the_clip_and_of_the_pixels_of_its_copies(
    ask: Ask, tmp_path: Path, tiny_base: Path, tiny_clips: Path
):
    """The blank frame, zero after normalisation, is no colour of 8 bits: its kind is left out."""
    rows = ask().set_index(["kind", "video"])
    store, kept = ClipStore([tiny_clips]), [kind for kind in KINDS if kind != "random_drop"]
    for kind in ("raw", *kept):
        order = [
            list(range(6)) if kind == "raw" else list(copy.indices)
            for video in SEEN
            for copy in draw_each_kind(video, 6, 7, DRAWN)
            if kind in ("raw", copy.kind)
        ][:: 6 if kind == "raw" else 1]
        frames = torch.stack([store.frames(v)[o] for v, o in zip(SEEN, order, strict=True)])
        clips, out = tmp_path / f"{kind}.safetensors", tmp_path / f"{kind}.parquet"
        write_shard(clips, SEEN, frames, torch.arange(6).expand(6, 6), {}, "6x56", {})
        predict(tiny_base, [clips], how(), AUTHORS, run="grpo", benchmark="mine", out=out)
        alone = read_predictions(out).table.set_index("video")
        assert rows.loc[kind, "completion"].tolist() == alone["completion"].tolist()
        np.testing.assert_allclose(rows.loc[kind, "score"], alone["score"], rtol=1e-4)


def test_the_chosen_videos_depend_neither_on_shards_nor_on_order_and_more_keep_the_first():
    names = [f"{number}.mp4" for number in range(50)]
    some = choose_videos(names, 20, 7)
    assert len(some) == 20
    assert choose_videos(names[::-1], 20, 7) == some < choose_videos(names, 30, 7)
    assert choose_videos(names, 20, 8) != some
    assert choose_videos(names, None, 7) == choose_videos(names, 60, 7) == set(names)
