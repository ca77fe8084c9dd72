"""Inputs of a policy: prompt tokens, encoded frames, the motion feature.

Source: docs/method.md, section 2. Prompts equal the authors' to the character, in InternVL2.5's
conversation format, whose turns end with `<|im_end|>`. Evaluation decodes greedily, at most 1024
tokens.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from transformers import GenerationConfig, PreTrainedTokenizerBase

from vqathinker.policy.config import normalise
from vqathinker.policy.generation import EncodedPrompts
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.policy.prompt import Setting, render_prompt
from vqathinker.video.store import Clips

if TYPE_CHECKING:  # it imports pandas, which scoring a clip does not need
    from vqathinker.video.perturb import Perturbation

_IMAGE, _END = "<IMG_CONTEXT>", "<|im_end|>"


def image_token_id(tokenizer: PreTrainedTokenizerBase) -> int:
    """The id of `<IMG_CONTEXT>`, which holds the place of visual tokens and the motion token."""
    return int(tokenizer.get_vocab()[_IMAGE])


def set_end_token(tokenizer: PreTrainedTokenizerBase) -> None:
    """End completions with `<|im_end|>`, where InternVL's tokenizer has the end of a text."""
    if _END in tokenizer.get_vocab():
        tokenizer.eos_token = _END


def default_generation_config(tokenizer: PreTrainedTokenizerBase) -> GenerationConfig:
    """The settings of the authors' evaluation."""
    pad = tokenizer.pad_token_id
    return GenerationConfig(
        do_sample=False,
        max_new_tokens=1024,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.eos_token_id if pad is None else pad,
        suppress_tokens=[image_token_id(tokenizer)],
    )


def prompt_ids(
    tokenizer: PreTrainedTokenizerBase,
    setting: Setting,
    frames: int,
    tokens_per_frame: int,
    *,
    thinking: bool = True,
    motion: bool = True,
    question: str | None = None,
) -> Tensor:
    """Token ids (length,) of a prompt; for the arguments see `render_prompt`."""
    text = render_prompt(
        setting, frames, tokens_per_frame, thinking=thinking, motion=motion, question=question
    )
    return torch.tensor(tokenizer(text, add_special_tokens=False)["input_ids"])


class FrameFeatures(NamedTuple):
    """Features of single frames.

    A perturbed clip has the same features in another order, so it need not be encoded again.
    """

    image: Tensor  # (clips, frames, K, 4 x vision width)
    motion: Tensor  # (clips, frames, …) SlowFast: the frames; without a motion token: empty

    def prompts(self, policy: VQAThinkerForConditionalGeneration, ids: Tensor) -> EncodedPrompts:
        """Prompts about the clips: the same (length,) for all, or one each (clips, length)."""
        return EncodedPrompts(
            ids.to(policy.device).expand(len(self.image), -1),
            self.image,
            policy.model.pool_motion(self.motion),
        )

    def perturb(
        self,
        perturbations: Sequence[Sequence["Perturbation"]],
        blank_frame: Callable[[], "FrameFeatures"],
    ) -> "FrameFeatures":
        """Perturbed copies: first all of the first clip, then all of the second, and so on.

        Args:
            perturbations: of each clip, the same number for all.
            blank_frame: returns the features (…) of a blank frame; called only if one is needed.
        """
        device, each = self.image.device, [one for of_clip in perturbations for one in of_clip]
        order = torch.tensor([p.indices for p in each], device=device)  # (copies, frames)
        blank = torch.tensor([p.blank for p in each], device=device)  # (copies, frames)
        clip = torch.arange(len(perturbations), device=device)
        clip = clip.repeat_interleave(len(perturbations[0]))  # (copies,)
        copies = FrameFeatures(*(part[clip[:, None], order] for part in self))
        if bool(blank.any()):
            for part, blank_features in zip(copies, blank_frame(), strict=True):
                part[blank] = blank_features
        return copies


def encode_frames(policy: VQAThinkerForConditionalGeneration, clips: Clips) -> FrameFeatures:
    """Features of the frames of clips."""
    statistics = None if clips.statistics is None else clips.statistics.to(policy.device)
    return encode_pixels(policy, normalise(clips.pixels.to(policy.device)), statistics)


def encode_blank_frame(policy: VQAThinkerForConditionalGeneration, clips: Clips) -> FrameFeatures:
    """Features (…) of a blank frame of the size of the frames of `clips`."""
    # ImageNet's mean colour, after normalisation.
    pixels = torch.zeros(1, 1, *clips.pixels.shape[2:], device=policy.device)
    return FrameFeatures(*(part[0, 0] for part in encode_pixels(policy, pixels)))


@torch.no_grad()
def encode_pixels(
    policy: VQAThinkerForConditionalGeneration, pixels: Tensor, statistics: Tensor | None = None
) -> FrameFeatures:
    """Features of normalised frames (clips, frames, 3, size, width) on the policy's device."""
    return FrameFeatures(
        policy.model.encode_frames(pixels), policy.model.encode_motion_frames(pixels, statistics)
    )


def encode_prompts(
    policy: VQAThinkerForConditionalGeneration, ids: Tensor, clips: Clips
) -> EncodedPrompts:
    """Encode clips with their prompts; for `ids` see `FrameFeatures.prompts`."""
    return encode_frames(policy, clips).prompts(policy, ids)
