"""Inputs of a policy: prompt tokens, encoded frames, the motion feature.

Source: docs/method.md, section 2: prompts to the character; InternVL2.5's conversation, whose turns
`<|im_end|>` closes; evaluation decodes greedily, at most 1024 tokens.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from transformers import GenerationConfig, PreTrainedTokenizerBase

from vqathinker.errors import InputError
from vqathinker.policy.generation import EncodedPrompts
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.policy.prompt import Setting, render

if TYPE_CHECKING:  # it needs pandas, which scoring does not
    from vqathinker.video.perturb import Perturbation

_IMAGE, _END = "<IMG_CONTEXT>", "<|im_end|>"


def image_token(tokenizer: PreTrainedTokenizerBase) -> int:
    """The id of `<IMG_CONTEXT>`, in whose places visual tokens and the motion token stand.

    Raises:
        InputError: there is none.
    """
    known = tokenizer.get_vocab()
    if _IMAGE not in known:
        raise InputError(
            f"the tokenizer has no {_IMAGE} among its {len(known)} tokens; expected InternVL's"
        )
    return int(known[_IMAGE])


def end_answers_with_turns(tokenizer: PreTrainedTokenizerBase) -> None:
    """Let an answer end where its turn ends, whatever else the tokenizer ends texts with."""
    if _END in tokenizer.get_vocab():
        tokenizer.eos_token = _END


def generation_defaults(tokenizer: PreTrainedTokenizerBase) -> GenerationConfig:
    """As the authors evaluate."""
    pad = tokenizer.pad_token_id
    return GenerationConfig(
        do_sample=False, max_new_tokens=1024, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.eos_token_id if pad is None else pad,
        suppress_tokens=[image_token(tokenizer)],
    )  # fmt: skip


def prompt_ids(
    tokenizer: PreTrainedTokenizerBase, setting: Setting, frames: int, tokens_per_frame: int,
    *, thinking: bool = True, motion: bool = True, question: str | None = None,
) -> Tensor:  # fmt: skip
    """Token ids (length,) of the prompt of a setting for clips of `frames` frames (`render`)."""
    text = render(
        setting, frames, tokens_per_frame, thinking=thinking, motion=motion, question=question
    )
    return torch.tensor(tokenizer(text, add_special_tokens=False)["input_ids"])


class FrameFeatures(NamedTuple):
    """What each encoder gives for single frames (clips, frames, …).

    A perturbed copy is the same features in another order. SlowFast's are the frames themselves;
    without a motion token those of motion are empty.
    """

    image: Tensor
    motion: Tensor

    def prompts(self, policy: VQAThinkerForConditionalGeneration, ids: Tensor) -> EncodedPrompts:
        """The same prompt (length,) for each clip, or one each (clips, length)."""
        return EncodedPrompts(
            ids.to(policy.device).expand(len(self.image), -1),
            self.image,
            policy.model.pool_motion(self.motion),
        )

    def perturbed(
        self, drawn: Sequence[Sequence["Perturbation"]], blank_frame: Callable[[], "FrameFeatures"]
    ) -> "FrameFeatures":
        """Copies of every clip: those of the first one, then those of the second, and so on.

        Args:
            drawn: the perturbations of each clip, equally many.
            blank_frame: gives the features (…) of a blank frame; asked only where one is needed.
        """
        place, each = self.image.device, [one for of_clip in drawn for one in of_clip]
        order = torch.tensor([p.indices for p in each], device=place)
        blank = torch.tensor([p.blank for p in each], device=place)
        which = torch.arange(len(drawn), device=place).repeat_interleave(len(drawn[0]))
        copies = FrameFeatures(*(part[which[:, None], order] for part in self))
        if bool(blank.any()):
            for part, nothing in zip(copies, blank_frame(), strict=True):
                part[blank] = nothing
        return copies


@torch.no_grad()
def encode_frames(policy: VQAThinkerForConditionalGeneration, pixels: Tensor) -> FrameFeatures:
    """Features of normalised frames (clips, frames, 3, size, size)."""
    return FrameFeatures(
        policy.model.encode_frames(pixels), policy.model.encode_motion_frames(pixels)
    )


def encode_blank_frame(policy: VQAThinkerForConditionalGeneration, like: Tensor) -> FrameFeatures:
    """Features (…) of a blank frame, zero after normalisation, of the size of the frames `like`."""
    pixels = torch.zeros_like(like[:1, :1])
    return FrameFeatures(*(part[0, 0] for part in encode_frames(policy, pixels)))


@torch.no_grad()
def encode_prompts(
    policy: VQAThinkerForConditionalGeneration, ids: Tensor, pixels: Tensor
) -> EncodedPrompts:
    """Encoded clips (clips, frames, 3, size, size) with their prompts.

    `ids` is one prompt for all of them (length,), or one for each, equally long (clips, length).
    """
    return encode_frames(policy, pixels).prompts(policy, ids)
