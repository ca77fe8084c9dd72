"""Predictions on perturbed copies: those of the copies' own pixels, drawn by video and kind."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from vqathinker.evaluation import perturbed
from vqathinker.evaluation.perturbed import choose_videos, predict_perturbed
from vqathinker.evaluation.predict import predict
from vqathinker.evaluation.predictions import gather, read_predictions
from vqathinker.evaluation.preference import measure_preference
from vqathinker.params import (
    AnswerParams,
    EvaluationParams,
    IntervalsParams,
    PerturbationParams,
    PreferenceParams,
)
from vqathinker.policy.answer import Answer, Completion
from vqathinker.policy.folder.checkpoint import load_policy, save_policy
from vqathinker.policy.generation import EncodedPrompts
from vqathinker.policy.inputs import FrameFeatures
from vqathinker.policy.normalisation import normalise
from vqathinker.policy.scoring import ClipScores, Scorer
from vqathinker.video.perturb import KINDS, draw_each_kind
from vqathinker.video.store import ClipStore, write_shard

SEEN = [f"clip{number}.mp4" for number in range(6)]
AUTHORS = AnswerParams(reading="authors", range=None)
DRAWN = PerturbationParams(
    kinds=list(KINDS), draws=1, window=4, jitter=1, duplicate_max=3, drop_max=3
)

# Brightness of six frames; none of them is that of a blank one.
RAMP = torch.linspace(60, 220, 6).to(torch.uint8).view(1, 6, 1, 1, 1).expand(1, 6, 3, 1, 1)

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


def test_a_policy_without_a_motion_token_is_asked_too(ask: Ask, tmp_path: Path, tiny_base: Path):
    model, tokenizer, _ = load_policy(tiny_base)
    model.config.motion_token = False
    save_policy(model, tokenizer, tmp_path / "still", "", {})
    rows = ask(policy=tmp_path / "still")
    assert len(rows) == 6 * 7
    assert rows["completion"].tolist() != ask()["completion"].tolist()


@pytest.mark.parametrize("batch_size", [1, 100])
def test_rows_do_not_depend_on_the_batch(ask: Ask, batch_size: int):
    pd.testing.assert_frame_equal(ask(), ask(batch_size, name="other.parquet"))


def test_every_frame_is_encoded_once(ask: Ask, monkeypatch: pytest.MonkeyPatch):
    encode, seen = perturbed.encode_frames, []

    def watched(model: Any, pixels: torch.Tensor) -> FrameFeatures:
        seen.append(pixels.shape[:2].numel())
        return encode(model, pixels)

    monkeypatch.setattr(perturbed, "encode_frames", watched)
    ask()
    assert sum(seen) == 6 * 6


def test_the_chosen_videos_depend_neither_on_shards_nor_on_order_and_more_keep_the_first():
    names = [f"{number}.mp4" for number in range(50)]
    some = choose_videos(names, 20, 7)
    assert len(some) == 20
    assert choose_videos(names[::-1], 20, 7) == some < choose_videos(names, 30, 7)
    assert choose_videos(names, 20, 8) != some
    assert choose_videos(names, None, 7) == choose_videos(names, 60, 7) == set(names)


def test_shards_join_to_the_rows_of_one(ask: Ask, tmp_path: Path, tiny_clips: Path):
    whole, store = ask(videos=4), ClipStore([tiny_clips])
    for number, videos in enumerate((SEEN[:5], SEEN[5:])):
        part, times = tmp_path / f"{number}.safetensors", torch.arange(6).expand(len(videos), 6)
        write_shard(part, videos, store.batch(videos), times, {}, "6x56", {})
        ask(videos=4, clips=part, name=f"{number}.parquet")
    gather([tmp_path / "0.parquet", tmp_path / "1.parquet"], tmp_path / "all.parquet")
    joined = read_predictions(tmp_path / "all.parquet").table
    assert len(whole) == 4 * 7
    pd.testing.assert_frame_equal(whole, joined)


def test_a_killed_job_ends_in_the_same_bytes(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    ask(name="whole.parquet")
    score, calls = Scorer.score, []

    def watched(scorer: Scorer, prompts: EncodedPrompts, videos: Sequence[str]) -> object:
        calls.append(videos)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return score(scorer, prompts, videos)

    monkeypatch.setattr(Scorer, "score", watched)
    with pytest.raises(KeyboardInterrupt):
        ask(name="killed.parquet")
    ask(name="killed.parquet")
    assert len(calls) == 1 + 1 + 2  # batches of two videos: the first is not asked about again
    assert (tmp_path / "killed.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


@pytest.fixture
def preferences(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[np.ndarray], np.ndarray]], dict[str, float | None]]:
    """Preferences by kind of a stand-in that makes a score of brightness (rows, frames).

    All clips brighten as `RAMP` does.
    """
    names = [f"ramp{number}.mp4" for number in range(12)]
    clips = tmp_path / "ramps.safetensors"
    frames = RAMP.expand(12, 6, 3, 56, 56).clone()
    write_shard(clips, names, frames, torch.arange(6).expand(12, 6), {}, "6x56", {})
    encode = perturbed.encode_frames

    def brightness(model: Any, pixels: torch.Tensor) -> FrameFeatures:
        return FrameFeatures(pixels.mean((2, 3, 4)), encode(model, pixels).motion)

    def run(of: Callable[[np.ndarray], np.ndarray]) -> dict[str, float | None]:
        def told(_: Scorer, prompts: EncodedPrompts, videos: Sequence[str]) -> list[ClipScores]:
            scores = of(prompts.frame_features.numpy()).tolist()
            return [
                ClipScores(Completion(""), Answer(s, "ok", coarse=False), (), None) for s in scores
            ]

        with monkeypatch.context() as patched:
            patched.setattr(perturbed, "encode_frames", brightness)
            patched.setattr(Scorer, "score", told)
            blank = FrameFeatures(torch.tensor(0.0), torch.tensor(0.0))
            patched.setattr(perturbed, "encode_blank_frame", lambda *_: blank)
            rows = ask(16, "greedy", clips=clips, of=names)
        intervals = IntervalsParams(resamples=100, seed=7, confidence=0.95)
        found = measure_preference(rows, KINDS, pd.Series(names, index=names), intervals)
        return {kind: one["preference"].value for kind, one in found.items()}

    return run


def test_a_policy_that_scores_by_the_order_of_frames_has_preference_one(preferences: Any):
    ramp = normalise(RAMP).mean((2, 3, 4))[0].numpy()
    found = preferences(lambda seen: 5 - np.abs(seen - ramp).sum(1))
    assert set(found.values()) == {1.0}


def test_a_policy_that_is_blind_to_it_has_preference_one_half(preferences: Any):
    assert set(preferences(lambda seen: np.full(len(seen), 3.0)).values()) == {0.5}


def test_a_policy_that_sees_frames_and_not_their_order_ties_where_all_frames_are_left(
    preferences: Any,
):
    found = preferences(lambda seen: (seen**2).sum(1))
    assert {found[kind] for kind in ("shuffle", "local_shuffle", "reverse")} == {0.5}
    assert found["random_drop"] == 1
    assert found["duplicate"] not in (0.5, None)
