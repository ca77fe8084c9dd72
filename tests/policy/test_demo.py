"""The demo's base policy: taught from degradations alone, the same each time, and able to learn."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch

from vqathinker.params import AnswerParams, DemoBaseParams
from vqathinker.params.base import StageParams
from vqathinker.policy import demo
from vqathinker.policy.answer import Completion, has_format, read_answer
from vqathinker.policy.config import normalise
from vqathinker.policy.demo import prepare_base
from vqathinker.policy.folder.checkpoint import load_policy
from vqathinker.policy.folder.hashes import policy_hash
from vqathinker.policy.generation import EncodedPrompts, generate, uniform_numbers
from vqathinker.policy.inputs import prompt_ids
from vqathinker.policy.prompt import KINDS, WORDS
from vqathinker.policy.tiny import build_policy, build_tokenizer
from vqathinker.video.store import ClipStore

STRICT = AnswerParams(parsing="strict", range=[0, 5])

Source = Callable[..., Path]


@pytest.fixture
def degradations(tmp_path: Path, tiny_clips: Path) -> Source:
    """degradations(kinds) is a folder with that file and nothing else; a row for each clip."""

    def write(kinds: tuple[str, ...] = tuple(KINDS)) -> Path:
        ids = ClipStore([tiny_clips]).ids
        table = pd.DataFrame({"video": ids, "content": "c000"})
        table["kind"] = [kinds[i % len(kinds)] for i in range(len(ids))]
        table["strength"] = [i / len(ids) for i in range(len(ids))]
        path = tmp_path / "source" / "degradations.csv"
        path.parent.mkdir(exist_ok=True)
        table.to_csv(path, index=False)
        return path

    return write


def test_a_base_policy_is_made_from_clips_and_degradations_alone(
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


def test_the_stages_change_all_but_the_image_encoder_and_calibrate_the_motion_encoder(
    tmp_path: Path, tiny_params: DemoBaseParams, tiny_clips: Path, degradations: Source
) -> None:
    prepare_base(tiny_params, [tiny_clips], degradations(), tmp_path / "tiny")
    policy = load_policy(tmp_path / "tiny")
    untaught = build_policy(tiny_params, policy.tokenizer, 56).state_dict()
    taught = policy.model.state_dict()
    changed = {name for name in untaught if not torch.equal(untaught[name], taught[name])}
    assert not any(name.startswith("model.vision_tower.") for name in changed)
    for part in ("multi_modal_projector", "motion_projector", "language_model"):
        assert any(name.startswith(f"model.{part}.") for name in changed), part
    pixels = normalise(ClipStore([tiny_clips]).batch(ClipStore([tiny_clips]).ids))
    features = policy.model.model.motion_encoder.raw_features(pixels)
    torch.testing.assert_close(policy.model.model.motion_encoder.centre, features.mean(0))


def test_a_kind_without_a_word_is_refused_by_name(
    tmp_path: Path, tiny_params: DemoBaseParams, tiny_clips: Path, degradations: Source
) -> None:
    source = degradations(("blur", "sepia"))
    with pytest.raises(ValueError, match=r"degradations\.csv.*sepia"):
        prepare_base(tiny_params, [tiny_clips], source, tmp_path / "tiny")
    assert not (tmp_path / "tiny").exists()


# --- what training teaches, on features which tell kind and strength at once -----------------


@pytest.fixture(scope="module")
def clips(tiny_params: DemoBaseParams) -> demo.EncodedClips:
    """64 clips: number k of the motion feature is the strength, if the kind is k."""
    generator = torch.Generator().manual_seed(0)
    policy = build_policy(tiny_params, build_tokenizer(demo.PHRASES), 56)
    words = len(set(KINDS.values()))
    kind, strength = torch.arange(64) % words, torch.rand(64, generator=generator)
    motion = torch.zeros(64, policy.model.motion_encoder.dim)
    motion[torch.arange(64), kind] = 1 + 2 * strength
    width = 4 * tiny_params.vision.hidden_size
    frames = torch.randn((64, 3, 1, width), generator=generator)
    return demo.EncodedClips(frames, motion, kind, strength)


def test_no_step_of_speech_holds_a_trend_from_what_is_seen_to_the_score(
    clips: demo.EncodedClips,
) -> None:
    tokenizer = build_tokenizer(demo.PHRASES)
    generator = torch.Generator().manual_seed(0)
    pick = torch.randperm(64, generator=generator)[:9]
    score = 1 + 4 * torch.rand(9, generator=generator)
    texts = tokenizer.batch_decode(
        demo.scored_answers(tokenizer, clips.kind[pick], clips.strength[pick], score),
        skip_special_tokens=True,
    )
    said = [text.partition("<answer>")[0] for text in texts]
    assert said[:9] == said[9:]
    scores = [read_answer(Completion(text), STRICT).score or 0.0 for text in texts]
    assert all(1 <= score <= 5 for score in scores)
    assert len(set(scores[:9])) > 5
    mirrored = [first + second for first, second in zip(scores[:9], scores[9:], strict=True)]
    assert mirrored == pytest.approx([6.0] * 9, abs=0.011)  # two rounded scores


@pytest.fixture(scope="module")
def says(tiny_params: DemoBaseParams, clips: demo.EncodedClips) -> Callable[..., list[str]]:
    """says(question): what a policy that was taught to speak says of the clips; drawn."""
    tokenizer = build_tokenizer(demo.PHRASES)
    policy = build_policy(tiny_params, tokenizer, 56)
    how = StageParams(steps=100, batch_size=16, learning_rate=1e-2)
    demo._train_speech(policy, tokenizer, clips, how, torch.Generator().manual_seed(0))

    def say(question: str | None = None) -> list[str]:
        ids = prompt_ids(tokenizer, "evaluation", 3, 1, question=question).expand(64, -1)
        prompts = EncodedPrompts(ids, clips.frames, clips.motion)
        rows, draws = torch.arange(64), uniform_numbers(0, "", 64, 24)
        done = generate(policy, prompts, rows, 24, tokenizer.eos_token_id, draws)
        return tokenizer.batch_decode(done, skip_special_tokens=True)

    return say


def test_speech_learns_the_form_of_an_answer_and_no_score(says: Callable[..., list[str]]) -> None:
    said = says()
    assert sum(map(has_format, said)) > 0.8 * 64
    scores = [read_answer(Completion(text), STRICT).score for text in said if has_format(text)]
    assert len(set(scores)) > 20  # drawn, not one that was learned


def test_speech_learns_to_answer_with_a_kind_where_it_is_asked_for(
    says: Callable[..., list[str]],
) -> None:
    said = says(demo.question_in_order([4, 2, 0, 1, 3]))
    kinds = [text.partition("<answer>")[2].partition("</answer>")[0] for text in said]
    assert sum(kind in WORDS for kind in kinds) > 0.5 * 64  # drawn; untaught: none
