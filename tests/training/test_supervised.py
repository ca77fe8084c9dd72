"""Supervised fine-tuning: loss, learning, history."""

from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from tests.training.conftest import Settings

from vqathinker.policy.config import normalise
from vqathinker.policy.folder.checkpoint import load_policy
from vqathinker.policy.folder.export import export
from vqathinker.policy.generation import generate
from vqathinker.policy.inputs import encode_prompts, prompt_ids
from vqathinker.training.rollouts import RolloutSampler
from vqathinker.training.supervised import target_text
from vqathinker.video.store import ClipStore


@pytest.fixture
def sft(settings_of: Settings) -> Settings:
    """sft(max_steps=2): settings of a supervised run."""
    return partial(settings_of, method="sft")


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The videos of every device batch."""
    show, video_batches = RolloutSampler.encode_step, []

    def watched(self: RolloutSampler, policy: Any, videos: Any) -> None:
        video_batches.append(list(videos))
        show(self, policy, videos)

    monkeypatch.setattr(RolloutSampler, "encode_step", watched)
    return video_batches


@torch.no_grad()
def greedy_answers(folder: Path, clips: Path) -> dict[str, str]:
    policy, tokenizer, _ = load_policy(folder)
    store = ClipStore([clips])
    ids = prompt_ids(tokenizer, "training", 6, 4)
    prompts = encode_prompts(policy, ids, store.batch(store.ids))
    rows = torch.arange(len(store.ids))
    completions = generate(policy, prompts, rows, 24, tokenizer.eos_token_id).ids
    texts = tokenizer.batch_decode(completions, skip_special_tokens=True)
    return dict(zip(store.ids, texts, strict=True))


def test_loss_is_the_cross_entropy_of_the_answers(
    tmp_path: Path, training_set: Any, sft: Settings, batches: list[list[str]]
) -> None:
    training_set.start(sft(max_steps=1, videos_per_device=6), tmp_path)
    policy, tokenizer, _ = load_policy(training_set.folder / "base")
    ids = prompt_ids(tokenizer, "training", 6, 4)
    total, tokens = 0.0, 0
    for video in batches[0]:
        text = target_text(training_set.mos[video], thinking=True)
        answer = [*tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
        pixels = normalise(ClipStore([training_set.clips]).batch([video]).pixels)
        with torch.no_grad():
            whole = torch.cat([ids, torch.tensor(answer)])[None]
            logits = policy(input_ids=whole, pixel_values=pixels).logits[0, len(ids) - 1 : -1]
            logits[:, policy.config.image_token_id] = -torch.inf  # never sampled
        target = torch.tensor(answer)
        total += float(torch.nn.functional.cross_entropy(logits, target, reduction="sum"))
        tokens += len(answer)
    history = pd.read_csv(tmp_path / "history.csv")
    assert history["loss"].tolist() == pytest.approx([total / tokens], abs=1e-4)


def test_supervised_training_learns_six_clips(
    tmp_path: Path, training_set: Any, sft: Settings
) -> None:
    steps = {"max_steps": 150, "epochs": 150, "videos_per_device": 6, "save_every": 150}
    settings = sft(learning_rate=1e-2, **steps)
    training_set.start(settings, tmp_path)
    loss = pd.read_csv(tmp_path / "history.csv")["loss"]
    assert loss.iloc[-1] < 0.1 * loss.iloc[0]
    export("grpo", settings, tmp_path, tmp_path / "policy")
    answers = greedy_answers(tmp_path / "policy", training_set.clips)
    for video, mos in training_set.mos.items():
        assert answers[video] == target_text(mos, thinking=True)


def test_supervised_history_has_columns_of_the_optimiser(
    tmp_path: Path, training_set: Any, sft: Settings
) -> None:
    training_set.start(sft(), tmp_path, times=tmp_path / "times.csv")
    table = pd.read_csv(tmp_path / "history.csv")
    filled = ["step", "loss", "grad_norm", "learning_rate", "entropy", "length"]
    assert table[filled].notna().all(axis=None)
    assert table[["reward", "kl", "failures"]].isna().all(axis=None)
    times = pd.read_csv(tmp_path / "times.csv")
    assert (times[["seconds", "tokens_per_second", "memory_mb"]] > 0).all(axis=None)
