"""What a policy reads: what a clip shows, and the prompt's text with a place for each token."""

import torch
from torch import Tensor

from vqathinker.policy.config import IMAGENET_MEAN, IMAGENET_STD, normalise
from vqathinker.policy.inputs import encode_prompts
from vqathinker.policy.model import VQAThinkerForConditionalGeneration


def test_every_clip_gets_the_prompt_and_its_own_features(
    policy: VQAThinkerForConditionalGeneration, ids: Tensor, pixels: Tensor
) -> None:
    prompts = encode_prompts(policy, ids, pixels)
    assert torch.equal(prompts.input_ids, ids.expand(3, -1))
    assert torch.equal(prompts.motion_features, policy.model.motion_encoder(pixels))
    with torch.no_grad():
        assert torch.equal(prompts.frame_features, policy.model.encode_frames(pixels))
    assert not prompts.frame_features.requires_grad


def test_pixels_are_centred_and_scaled_by_channel() -> None:
    frames = torch.zeros((2, 3, 3, 4, 4), dtype=torch.uint8)
    frames[1] = 255
    normal = normalise(frames)
    assert normal.dtype == torch.float32
    assert normal.shape == frames.shape
    for channel, (mean, std) in enumerate(zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)):
        torch.testing.assert_close(normal[0, :, channel], torch.full((3, 4, 4), -mean / std))
        torch.testing.assert_close(normal[1, :, channel], torch.full((3, 4, 4), (1 - mean) / std))
