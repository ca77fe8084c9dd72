"""The demo's base policy: training from degradations, reproducible, and what it learns."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch

from vqathinker.params import AnswerParams, DemoBaseParams
from vqathinker.params.base import StageParams
from vqathinker.policy import demo
from vqathinker.policy.answer import Completion, has_format, parse_answer
from vqathinker.policy.config import normalise
from vqathinker.policy.demo import prepare_base
from vqathinker.policy.folder.checkpoint import load_policy
from vqathinker.policy.folder.hashes import policy_hash
from vqathinker.policy.generation import EncodedPrompts, Sampling, generate, uniform_numbers
from vqathinker.policy.inputs import prompt_ids
from vqathinker.policy.prompt import DEGRADATION_NAMES, DEGRADATION_WORDS, degradation_question
from vqathinker.policy.tiny import build_policy, build_tokenizer
from vqathinker.video.store import ClipStore

STRICT = AnswerParams(parsing="strict", range=[0, 5])

Source = Callable[..., Path]


@pytest.fixture
def degradations(tmp_path: Path, tiny_clips: Path) -> Source:
    """degradations(kinds) writes degradations.csv with one row per clip."""

    def write(kinds: tuple[str, ...] = tuple(DEGRADATION_WORDS)) -> Path:
        ids = ClipStore([tiny_clips]).ids
        table = pd.DataFrame({"video": ids, "content": "c000"})
        table["kind"] = [kinds[i % len(kinds)] for i in range(len(ids))]
        table["strength"] = [i / len(ids) for i in range(len(ids))]
        path = tmp_path / "source" / "degradations.csv"
        path.parent.mkdir(exist_ok=True)
        table.to_csv(path, index=False)
        return path

    return write


def test_base_policy_needs_only_clips_and_degradations(
    tmp_path: Path, tiny_params: DemoBaseParams, tiny_clips: Path, degradations: Source
) -> None:
    source = degradations()
    assert [path.name for path in source.parent.iterdir()] == ["degradations.csv"]
    assert "mos" not in pd.read_csv(source).columns
    out = tmp_path / "models" / "base" / "tiny"
    prepare_base(tiny_params, [tiny_clips], source, out)
    torch.manual_seed(7)
    prepare_base(tiny_params, [tiny_clips], source, tmp_path / "same")
    policy = load_policy(out)
    assert policy.provenance["policy"] == policy_hash(tmp_path / "same")
    assert policy.provenance["clips"] == 6
    assert policy.provenance["params"] == json.loads(tiny_params.model_dump_json())
    card = (out / "README.md").read_text()
    assert "6 clips" in card
    assert "no MOS" in card


def test_stages_train_all_parts_but_the_image_encoder(
    tmp_path: Path, tiny_params: DemoBaseParams, tiny_clips: Path, degradations: Source
) -> None:
    prepare_base(tiny_params, [tiny_clips], degradations(), tmp_path / "tiny")
    policy = load_policy(tmp_path / "tiny")
    before = build_policy(tiny_params, policy.tokenizer, 56).state_dict()
    after = policy.model.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert not any(name.startswith("model.vision_tower.") for name in changed)
    for part in ("multi_modal_projector", "motion_projector", "language_model"):
        assert any(name.startswith(f"model.{part}.") for name in changed), part
    pixels = normalise(ClipStore([tiny_clips]).batch(ClipStore([tiny_clips]).ids).pixels)
    features = policy.model.model.motion_encoder.raw_features(pixels)
    torch.testing.assert_close(policy.model.model.motion_encoder.centre, features.mean(0))


# --- what the stages learn, with features that encode kind and strength directly ---------------


@pytest.fixture(scope="module")
def clips(tiny_params: DemoBaseParams) -> demo.EncodedClips:
    """64 clips; number k of the motion feature encodes the strength if the kind is k."""
    generator = torch.Generator().manual_seed(0)
    policy = build_policy(tiny_params, build_tokenizer(demo.PHRASES), 56)
    words = len(set(DEGRADATION_WORDS.values()))
    kind, strength = torch.arange(64) % words, torch.rand(64, generator=generator)
    motion = torch.zeros(64, policy.model.motion_encoder.dim)
    motion[torch.arange(64), kind] = 1 + 2 * strength
    width = 4 * tiny_params.vision.hidden_size
    frames = torch.randn((64, 3, 1, width), generator=generator)
    strengths = torch.zeros(64, words)
    strengths[torch.arange(64), kind] = strength
    return demo.EncodedClips(frames, motion, strengths)


@pytest.fixture(scope="module")
def sample(tiny_params: DemoBaseParams, clips: demo.EncodedClips) -> Callable[..., list[str]]:
    """sample(question): completions about the clips, after the answer format stage."""
    tokenizer = build_tokenizer(demo.PHRASES)
    policy = build_policy(tiny_params, tokenizer, 56)
    how = StageParams(steps=100, batch_size=16, learning_rate=1e-2)
    demo._train_answer_format(policy, tokenizer, clips, how, torch.Generator().manual_seed(0))

    def say(question: str | None = None) -> list[str]:
        ids = prompt_ids(tokenizer, "evaluation", 3, 1, question=question).expand(64, -1)
        prompts = EncodedPrompts(ids, clips.frames, clips.motion)
        rows, draws = torch.arange(64), uniform_numbers(0, "", 64, 24)
        done = generate(policy, prompts, rows, 24, tokenizer.eos_token_id, Sampling(draws)).ids
        return tokenizer.batch_decode(done, skip_special_tokens=True)

    return say


def test_format_stage_learns_the_format_and_no_score(sample: Callable[..., list[str]]) -> None:
    completions = sample()
    assert sum(map(has_format, completions)) > 0.8 * 64
    scores = [
        parse_answer(Completion(text), STRICT).score for text in completions if has_format(text)
    ]
    assert len(set(scores)) > 20  # random, none is learned


def test_format_stage_learns_to_answer_with_the_kind(
    sample: Callable[..., list[str]],
) -> None:
    completions = sample(degradation_question(demo.kind_options([4, 2, 0, 1, 3, 6, 5, 7])))
    kinds = [text.partition("<answer>")[2].partition("</answer>")[0] for text in completions]
    assert sum(kind in DEGRADATION_NAMES for kind in kinds) > 0.5 * 64  # 0 before training
