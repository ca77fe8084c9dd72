"""What a policy reads of a clip: prompt tokens, encoded frames, the motion feature.

Source: docs/method.md, section 2 (prompts to the character).
"""

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from vqathinker.policy.generation import EncodedPrompts
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.policy.prompt import Setting, render

__all__ = ["encode_prompts", "prompt_ids"]


def prompt_ids(
    tokenizer: PreTrainedTokenizerBase, setting: Setting, frames: int, tokens_per_frame: int,
    *, thinking: bool = True, motion: bool = True, question: str | None = None,
) -> Tensor:  # fmt: skip
    """Token ids (length,) of the prompt of a setting for clips of `frames` frames (`render`)."""
    text = render(
        setting, frames, tokens_per_frame, thinking=thinking, motion=motion, question=question
    )
    return torch.tensor(tokenizer(text, add_special_tokens=False)["input_ids"])


@torch.no_grad()
def encode_prompts(
    policy: VQAThinkerForConditionalGeneration, ids: Tensor, pixel_values: Tensor
) -> EncodedPrompts:
    """What each clip (clips, frames, 3, size, size) shows, with its prompt.

    `ids` is one prompt for all of them (length,), or one for each, equally long (clips, length).
    """
    return EncodedPrompts(
        ids.to(policy.device).expand(len(pixel_values), -1),
        policy.model.encode_frames(pixel_values),
        policy.model.encode_motion(pixel_values),
    )
