"""The policy: embeddings of prompts, generation by transformers, and sizes of InternVL3."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForImageTextToText

from vqathinker.policy.config import VQAThinkerConfig
from vqathinker.policy.generation import generate
from vqathinker.policy.inputs import encode_pixels
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.policy.sizes import SIZES, config_of

Model = VQAThinkerForConditionalGeneration


@torch.no_grad()
def test_visual_tokens_precede_the_motion_token(policy: Model, ids: Tensor, pixels: Tensor) -> None:
    body = policy.model
    frames, motion = body.encode_frames(pixels), body.motion_encoder(pixels)
    embedded = body.embed(ids.expand(3, -1), frames, motion)
    places = (ids == policy.config.image_token_id).nonzero()[:, 0]
    assert len(places) == 6 * 4 + 1
    visual = body.multi_modal_projector(frames).reshape(3, 24, -1)
    torch.testing.assert_close(embedded[:, places[:-1]], visual)
    torch.testing.assert_close(embedded[:, places[-1]], body.motion_projector(motion))
    words = ids != policy.config.image_token_id
    assert torch.equal(embedded[0, words], policy.get_input_embeddings()(ids[words]))


@torch.no_grad()
def test_tokens_of_a_strip_are_those_of_its_tiles(policy: Model, pixels: Tensor) -> None:
    strips = torch.cat(list(pixels), dim=-1)[None]  # the clips as tiles of one: (1, 6, 3, 56, 168)
    expected = torch.cat([policy.model.encode_frames(clip[None]) for clip in pixels], dim=2)
    torch.testing.assert_close(policy.model.encode_frames(strips), expected)


@pytest.mark.parametrize("change", [-1, 1])
def test_wrong_number_of_image_tokens_is_an_error(
    policy: Model, ids: Tensor, pixels: Tensor, change: int
) -> None:
    last = int((ids == policy.config.image_token_id).nonzero()[-1])
    copies = 1 + change  # of the last token: none or two
    wrong = torch.cat([ids[:last], *[ids[last : last + 1]] * copies, ids[last + 1 :]])
    with pytest.raises(ValueError, match=rf"\b{25 + change}\b.*\b25\b"):
        policy(input_ids=wrong.expand(3, -1), pixel_values=pixels)


@torch.no_grad()
def test_transformers_generate_gives_the_same_completions(
    policy: Model, ids: Tensor, pixels: Tensor
) -> None:
    end = policy.config.text_config.eos_token_id
    prompts = encode_pixels(policy, pixels).prompts(policy, ids)
    ours = generate(policy, prompts, torch.arange(3), 8, end).ids
    theirs = policy.generate(
        input_ids=prompts.input_ids, pixel_values=pixels, attention_mask=torch.ones(3, len(ids)),
        max_new_tokens=8, do_sample=False, pad_token_id=end,
        suppress_tokens=[policy.config.image_token_id],
    )[:, len(ids) :]  # fmt: skip
    assert len({tuple(completion) for completion in ours}) > 1
    assert [
        completion[: len(mine)] for completion, mine in zip(theirs.tolist(), ours, strict=True)
    ] == ours


def test_transformers_auto_classes_load_a_policy_folder(tiny_base: Path, policy: Model) -> None:
    assert isinstance(AutoConfig.from_pretrained(tiny_base), VQAThinkerConfig)
    model = AutoModelForImageTextToText.from_pretrained(tiny_base)
    assert isinstance(model, VQAThinkerForConditionalGeneration)
    assert model.model.motion_encoder.dim == policy.model.motion_encoder.dim


# Billions of weights without the motion branch, from the model cards of OpenGVLab/InternVL3.
PUBLISHED = {"1B": 0.938, "2B": 2.09, "8B": 7.94, "14B": 15.1}


@pytest.mark.parametrize("size", SIZES)
def test_sizes_have_the_published_number_of_weights(size: str) -> None:
    config = config_of(size)
    with torch.device("meta"):
        model = Model(config)
    motion = sum(p.numel() for p in model.model.motion_projector.parameters())
    weights = sum(p.numel() for p in model.parameters()) - motion
    assert weights / 1e9 == pytest.approx(PUBLISHED[size], rel=2e-3)
    hidden = config.text_config.hidden_size
    shapes = [tuple(p.shape) for p in model.model.motion_projector.parameters() if p.ndim > 1]
    assert shapes == [(hidden, 2304), (hidden, hidden)]
    assert [config.tokens_per_frame(s) for s in (448, 560)] == [256, 400]
    assert config.tokens_per_frame(448, 3 * 448) == 3 * 256
