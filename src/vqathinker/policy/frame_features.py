"""What the encoders give for single frames, so that perturbed copies of a clip need no encoding.

Source: docs/method.md, section 4: a perturbation reorders frames or blanks them. What an encoder
says of a frame stays the same, so a copy is an index list into the encoded frames, and of its
motion feature only what lies between frames is computed anew.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from vqathinker.policy.generation import EncodedPrompts
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.video.perturb import Perturbation

__all__ = ["FrameFeatures", "encode_blank_frame", "encode_frames"]


class FrameFeatures(NamedTuple):
    """What each encoder gives for single frames (clips, frames, …).

    A perturbed copy is the same features in another order. SlowFast's are the frames themselves;
    without a motion token those of motion are empty.
    """

    image: Tensor
    motion: Tensor

    def prompts(self, policy: VQAThinkerForConditionalGeneration, ids: Tensor) -> EncodedPrompts:
        """The same prompt (length,) for each clip, with what the clip shows."""
        return EncodedPrompts(
            ids.to(policy.device).expand(len(self.image), -1),
            self.image,
            policy.model.pool_motion(self.motion),
        )

    def perturbed(
        self, drawn: Sequence[Sequence[Perturbation]], blank_frame: Callable[[], "FrameFeatures"]
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
