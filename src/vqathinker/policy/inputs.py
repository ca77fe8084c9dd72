"""From stored clips to what a policy reads: normalised pixels, encoded frames, prompt tokens.

Source: docs/method.md, section 2 (ImageNet mean and standard deviation, prompts to the character).
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from vqathinker.policy.generation import Prompts
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.policy.motion.filter_bank import IMAGENET_MEAN, IMAGENET_STD
from vqathinker.policy.prompt import Setting, render

__all__ = ["encode", "normalise", "prompt_ids"]


def normalise(
    frames: Tensor, mean: Sequence[float] = IMAGENET_MEAN, std: Sequence[float] = IMAGENET_STD
) -> Tensor:
    """Frames uint8 0..255 (…, 3, height, width) → float32, ImageNet mean 0 and deviation 1."""
    centre = torch.tensor(mean, device=frames.device).view(3, 1, 1)
    scale = torch.tensor(std, device=frames.device).view(3, 1, 1)
    return (frames.float() / 255 - centre) / scale


def prompt_ids(
    tokenizer: PreTrainedTokenizerBase, setting: Setting, frames: int, tokens_per_frame: int
) -> Tensor:
    """Token ids (length,) of the prompt of a setting for clips of `frames` frames."""
    text = render(setting, frames, tokens_per_frame)
    return torch.tensor(tokenizer(text, add_special_tokens=False)["input_ids"])


@torch.no_grad()
def encode(
    policy: VQAThinkerForConditionalGeneration, ids: Tensor, pixel_values: Tensor
) -> Prompts:
    """The same prompt for each clip (clips, frames, 3, size, size), with what the clip shows."""
    return Prompts(
        ids.to(policy.device).expand(len(pixel_values), -1),
        policy.model.encode_frames(pixel_values),
        policy.model.motion_encoder(pixel_values),
    )
