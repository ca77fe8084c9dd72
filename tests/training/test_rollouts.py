"""Rollouts: order of groups, perturbed copies, frames encoded once."""

import copy
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from vqathinker.policy.config import normalise
from vqathinker.policy.folder.checkpoint import Policy, load_policy
from vqathinker.policy.generation import EncodedPrompts, Generated, generate
from vqathinker.policy.inputs import encode_pixels, encode_prompts, prompt_ids
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.training import rollouts
from vqathinker.training.rollouts import RolloutSampler
from vqathinker.video.perturb import Perturbation
from vqathinker.video.store import Clips as DecodedClips
from vqathinker.video.store import ClipStore

Model = VQAThinkerForConditionalGeneration

VIDEOS = ["clip3.mp4", "clip0.mp4"]
NEVER = -1  # an end token that does not exist
GREEDY = 1e-6  # a temperature so low that sampling is greedy

DRAWS = (
    Perturbation("reverse", (5, 4, 3, 2, 1, 0), (False,) * 6),
    Perturbation("random_drop", (0, 1, 2, 3, 4, 5), (False, True, False, False, True, False)),
    Perturbation("shuffle", (2, 0, 1, 5, 3, 4), (False,) * 6),
    Perturbation("duplicate", (0, 1, 1, 1, 1, 5), (False,) * 6),
)


class Clips:
    """A clip store that counts its reads."""

    def __init__(self, path: Path) -> None:
        self.store, self.reads = ClipStore([path]), 0

    def batch(self, ids: Sequence[str]) -> DecodedClips:
        self.reads += 1
        return self.store.batch(ids)


@pytest.fixture(scope="module")
def base(tiny_base: Path) -> Policy:
    return load_policy(tiny_base)


@pytest.fixture
def policy(base: Policy) -> Model:
    return copy.deepcopy(base.model)


@pytest.fixture
def sampler(base: Policy, tiny_clips: Path) -> RolloutSampler:
    """Three rollouts and two perturbed copies of each clip, without `keep_encoded`."""
    return RolloutSampler(
        clips=Clips(tiny_clips), prompt_ids=prompt_ids(base.tokenizer, "training", 6, 4),
        end_token=NEVER, group_size=3, max_new_tokens=5, temperature=GREEDY, vision_frozen=True,
        keep_encoded=False, perturbed_rollouts=2,
        perturbations=SimpleNamespace(draws=len(DRAWS), get=lambda _, draw: DRAWS[draw]),
    )  # fmt: skip


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[EncodedPrompts, Tensor]]:
    """The prompts and rows of every call of `generate`."""
    calls: list[tuple[EncodedPrompts, Tensor]] = []

    def watched(policy: Model, prompts: EncodedPrompts, rows: Tensor, *rest: Any) -> Generated:
        calls.append((prompts, rows))
        return generate(policy, prompts, rows, *rest)

    monkeypatch.setattr(rollouts, "generate", watched)
    return calls


def perturbed_by_hand(sampler: RolloutSampler, video: str, draw: int) -> Tensor:
    """Pixels (1, 6, 3, 56, 56) of a perturbed copy, frame by frame."""
    pixels, how = normalise(sampler.clips.batch([video]).pixels)[0], DRAWS[draw]
    frames = [
        torch.zeros_like(pixels[0]) if blank else pixels[index]
        for index, blank in zip(how.indices, how.blank, strict=True)
    ]
    return torch.stack(frames)[None]


def test_groups_are_in_the_order_of_videos(policy: Model, sampler: RolloutSampler) -> None:
    done = sampler.sample(policy, VIDEOS, 0, 0)
    assert len(done.raw) == 6
    assert all(len(completion) == 5 for completion in done.raw)
    prompts = encode_prompts(policy, sampler.prompt_ids, sampler.clips.batch(VIDEOS))
    greedy = generate(policy, prompts, torch.arange(2), 5, NEVER).ids
    assert greedy[0] != greedy[1]
    assert done.raw == [greedy[0]] * 3 + [greedy[1]] * 3


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("step", [0, 3])
def test_perturbed_copy_equals_encoding_its_frames_again(
    policy: Model,
    sampler: RolloutSampler,
    decoded: list[tuple[EncodedPrompts, Tensor]],
    keep: bool,
    step: int,
) -> None:
    sampler.keep_encoded = keep
    done = sampler.sample(policy, VIDEOS, step, 0)
    prompts, rows = decoded[0]
    assert rows.tolist() == [0, 0, 0, 1, 1, 1, 2, 3, 4, 5]
    copies = [(video, (2 * step + copy) % len(DRAWS)) for video in VIDEOS for copy in range(2)]
    for number, (video, draw) in enumerate(copies):
        features = encode_pixels(policy, perturbed_by_hand(sampler, video, draw))
        by_hand = features.prompts(policy, sampler.prompt_ids)
        for got, expected in zip(prompts, by_hand, strict=True):
            torch.testing.assert_close(got[2 + number], expected[0])
        alone = generate(policy, by_hand, torch.tensor([0]), 5, NEVER).ids
        assert done.perturbed[number] == alone[0]


def test_keep_encoded_reads_a_clip_once(policy: Model, sampler: RolloutSampler) -> None:
    fresh = sampler.encode_prompts(policy, VIDEOS)
    keeping = copy.copy(sampler)
    keeping.keep_encoded = True
    clips = keeping.clips
    assert isinstance(clips, Clips)
    keeping.encode_prompts(policy, VIDEOS[:1])
    before = clips.reads
    for order in (VIDEOS, VIDEOS[::-1], VIDEOS):
        kept = keeping.encode_prompts(policy, order)
        for got, expected in zip(kept, fresh, strict=True):
            in_order = expected if order == VIDEOS else expected.flip(0)
            torch.testing.assert_close(got, in_order)
    assert clips.reads == before + 1  # of the second video
    assert keeping.sample(policy, VIDEOS, 0, 0) == sampler.sample(policy, VIDEOS, 0, 0)


def test_without_keep_encoded_clips_are_encoded_again(
    policy: Model, sampler: RolloutSampler
) -> None:
    before = sampler.encode_prompts(policy, VIDEOS)
    with torch.no_grad():
        policy.model.vision_tower.embeddings.patch_embeddings.projection.weight.neg_()
    assert not torch.equal(
        sampler.encode_prompts(policy, VIDEOS).frame_features, before.frame_features
    )
