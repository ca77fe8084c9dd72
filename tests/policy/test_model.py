"""The policy: a shared prompt changes nothing, tokens stand in their places, motion is frozen."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForImageTextToText, InternVLVisionConfig

from vqathinker.policy.config import VQAThinkerConfig
from vqathinker.policy.generation import generate
from vqathinker.policy.inputs import encode_prompts
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.policy.sizes import SIZES, config_of

Model = VQAThinkerForConditionalGeneration


def test_every_trained_part_is_reached_by_a_gradient(
    policy: Model, ids: Tensor, pixels: Tensor
) -> None:
    policy.train()(
        input_ids=ids.expand(3, -1), pixel_values=pixels
    ).logits.square().mean().backward()
    reached = {name for name, p in policy.named_parameters() if p.grad is not None and p.grad.any()}
    parts = ("vision_tower", "multi_modal_projector", "motion_projector", "language_model")
    for part in parts:
        assert any(name.startswith(f"model.{part}.") for name in reached), part


def test_encoded_features_stand_for_the_pixels(policy: Model, ids: Tensor, pixels: Tensor) -> None:
    prompts = ids.expand(3, -1)
    with torch.no_grad():
        from_pixels = policy(input_ids=prompts, pixel_values=pixels).logits
        from_features = policy(
            input_ids=prompts,
            frame_features=policy.model.encode_frames(pixels),
            motion_features=policy.model.motion_encoder(pixels),
        ).logits
    assert torch.equal(from_pixels, from_features)


@torch.no_grad()
def test_visual_tokens_fill_their_places_in_order_and_the_motion_token_comes_last(
    policy: Model, ids: Tensor, pixels: Tensor
) -> None:
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
def test_the_motion_token_changes_what_is_said(policy: Model, ids: Tensor, pixels: Tensor) -> None:
    prompts, frames = ids.expand(3, -1), policy.model.encode_frames(pixels)
    motion = policy.model.motion_encoder(pixels)
    said = [
        policy(input_ids=prompts, frame_features=frames, motion_features=m).logits[:, -1]
        for m in (motion, motion.flip(1))
    ]
    assert float((said[0] - said[1]).abs().max()) > 1e-3


@pytest.mark.parametrize("change", [-1, 1])
def test_a_prompt_with_another_number_of_places_is_refused(
    policy: Model, ids: Tensor, pixels: Tensor, change: int
) -> None:
    last = int((ids == policy.config.image_token_id).nonzero()[-1])
    copies = 1 + change  # of the last place: none or two
    wrong = torch.cat([ids[:last], *[ids[last : last + 1]] * copies, ids[last + 1 :]])
    with pytest.raises(ValueError, match=rf"\b{25 + change}\b.*\b25\b"):
        policy(input_ids=wrong.expand(3, -1), pixel_values=pixels)


def test_the_motion_encoder_never_trains(policy: Model, ids: Tensor, pixels: Tensor) -> None:
    encoder = policy.train().model.motion_encoder
    assert policy.model.vision_tower.training
    assert not any(module.training for module in encoder.modules())
    assert not list(encoder.parameters())
    before = copy.deepcopy(encoder.state_dict())
    optimiser = torch.optim.SGD(policy.parameters(), lr=0.1)
    policy(input_ids=ids.expand(3, -1), pixel_values=pixels).logits.square().mean().backward()
    optimiser.step()
    assert all(torch.equal(before[name], value) for name, value in encoder.state_dict().items())
    assert not encoder(pixels.clone().requires_grad_()).requires_grad


def test_frame_size_decides_the_tokens_of_a_frame(policy: Model) -> None:
    assert [policy.config.tokens_per_frame(size) for size in (28, 56, 112)] == [1, 4, 16]


PAD = 0


def padded(prompts: list[Tensor]) -> dict[str, Tensor]:
    """Prompts of unequal length as one batch, padded on the left, with their mask and positions."""
    length = max(map(len, prompts))
    ids = torch.stack(
        [torch.cat([ids.new_full((length - len(ids),), PAD), ids]) for ids in prompts]
    )
    mask = torch.stack([torch.arange(length) >= length - len(ids) for ids in prompts]).long()
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    return {"input_ids": ids, "attention_mask": mask, "position_ids": positions}


@torch.no_grad()
def test_unequal_prompts_answer_together_as_they_do_alone(
    policy: Model, ids: Tensor, pixels: Tensor
) -> None:
    words = ids[ids != policy.config.image_token_id]
    prompts = [ids, ids[3:], torch.cat([ids, words])]
    batch = padded(prompts)
    together = policy(**batch, pixel_values=pixels).logits
    without = policy(**{k: v for k, v in batch.items() if "pos" not in k}, pixel_values=pixels)
    for number, prompt in enumerate(prompts):
        alone = policy(input_ids=prompt[None], pixel_values=pixels[number : number + 1]).logits[0]
        mine = together[number, -len(prompt) :]
        torch.testing.assert_close(mine, alone, atol=1e-5, rtol=1e-4)
        mine = without.logits[number, -len(prompt) :]
        torch.testing.assert_close(mine, alone, atol=1e-5, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("shown", ["pixels", "features", "features, no cache"])
def test_transformers_own_generation_says_the_same(
    policy: Model, ids: Tensor, pixels: Tensor, shown: str
) -> None:
    end = policy.config.text_config.eos_token_id
    prompts = encode_prompts(policy, ids, pixels)
    ours = generate(policy, prompts, torch.arange(3), 8, end)
    inputs: dict[str, Any] = {"input_ids": prompts.input_ids, "pixel_values": pixels}
    if shown != "pixels":
        inputs = {**prompts._asdict(), "use_cache": shown == "features"}
    theirs = policy.generate(
        **inputs, attention_mask=torch.ones(3, len(ids)), max_new_tokens=8, do_sample=False,
        pad_token_id=end, suppress_tokens=[policy.config.image_token_id],
    )[:, len(ids) :]  # fmt: skip
    assert len({tuple(said) for said in ours}) > 1
    assert [said[: len(mine)] for said, mine in zip(theirs.tolist(), ours, strict=True)] == ours


def test_a_policy_is_known_to_transformers_by_its_folder(tiny_base: Path, policy: Model) -> None:
    assert isinstance(AutoConfig.from_pretrained(tiny_base), VQAThinkerConfig)
    model = AutoModelForImageTextToText.from_pretrained(tiny_base)
    assert isinstance(model, VQAThinkerForConditionalGeneration)
    assert model.model.motion_encoder.dim == policy.model.motion_encoder.dim


@torch.no_grad()
def test_every_way_of_attending_gives_the_same_logits(
    policy: Model, ids: Tensor, pixels: Tensor
) -> None:
    inputs = {"input_ids": ids.expand(3, -1), "pixel_values": pixels}
    logits = {}
    for name in ("sdpa", "eager"):
        policy.set_attn_implementation(name)
        assert policy.model.vision_tower.config._attn_implementation == name
        logits[name] = policy(**inputs).logits
    torch.testing.assert_close(logits["sdpa"], logits["eager"], atol=1e-5, rtol=1e-4)
    body = policy.model
    for part in (policy, body, body.vision_tower, body.language_model):
        assert part._supports_flash_attn, type(part).__name__


@torch.no_grad()
def test_in_bfloat16_the_motion_encoder_keeps_its_precision(
    tiny_base: Path, policy: Model, ids: Tensor, pixels: Tensor
) -> None:
    half = Model.from_pretrained(tiny_base, dtype=torch.bfloat16).eval()
    assert {parameter.dtype for parameter in half.parameters()} == {torch.bfloat16}
    motion = policy.model.motion_encoder(pixels)
    assert torch.equal(half.model.motion_encoder(pixels), motion)
    inputs = {"input_ids": ids.expand(3, -1), "pixel_values": pixels}
    whole, rounded = policy(**inputs).logits, half(**inputs).logits
    assert rounded.dtype == torch.bfloat16
    assert float((rounded.float() - whole).abs().max()) < 0.2 * float(whole.std())


@pytest.mark.parametrize(("norm", "qk_norm"), [("layer_norm", False), ("rms_norm", True)])
def test_the_image_encoder_of_every_internvl3_can_be_built(norm: str, qk_norm: bool) -> None:
    config = config_of("1B")
    config.vision_config = InternVLVisionConfig(
        hidden_size=64, num_hidden_layers=1, num_attention_heads=2, norm_type=norm,
        use_qk_norm=qk_norm, attention_bias=not qk_norm,
    )  # fmt: skip
    with torch.device("meta"):
        tower = Model(config).model.vision_tower
    assert ("encoder.layer.0.attention.q_norm.weight" in tower.state_dict()) == qk_norm
    assert tower.state_dict()["embeddings.cls_token"].shape == (1, 1, 64)
    assert tower.state_dict()["embeddings.position_embeddings"].shape == (1, 1025, 64)


# Billions of weights without the motion branch, as the model cards of OpenGVLab/InternVL3 say.
PUBLISHED = {"1B": 0.938, "2B": 2.09, "8B": 7.94, "14B": 15.1}


@pytest.mark.parametrize("size", SIZES)
def test_a_size_has_as_many_weights_as_published(size: str) -> None:
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
