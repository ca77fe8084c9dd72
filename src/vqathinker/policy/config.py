"""The configuration of a policy, its parts, and the normalisation of its input pixels.

Source: docs/method.md, section 2.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import InternVLConfig, PreTrainedConfig

from vqathinker.errors import InputError
from vqathinker.params import PromptParams

AUTHORS_SETTING = "12x560"  # frames x size of the authors' evaluation
_MAX_LISTED = 12  # tensors in an error: an 8B policy has 1,500


class VQAThinkerConfig(InternVLConfig):
    """InternVL's configuration, extended by the motion branch and the prompt.

    Args:
        motion: {"encoder": name, …} of the motion branch; see `policy.model.MOTION_ENCODERS`.
        setting: frames x size of the clips for evaluation, such as "12x560".
        thinking: whether the prompt asks for `<think>…</think>` before the answer.
        motion_token: whether the prompt has the motion token; without it, motion is not encoded.
    """

    model_type = "vqathinker"

    def __init__(
        self,
        motion: dict[str, Any] | None = None,
        setting: str | None = None,
        thinking: bool = True,
        motion_token: bool = True,
        **kwargs: Any,
    ) -> None:
        self.motion = dict(motion or {"encoder": "filter_bank"})
        self.setting = setting
        self.thinking, self.motion_token = thinking, motion_token
        super().__init__(**kwargs)

    def tokens_per_frame(self, size: int, width: int | None = None) -> int:
        """Visual tokens of a frame of size × size pixels, or of a strip of tiles of that size.

        Raises:
            InputError: the frame does not divide into 2 × 2 groups of patches.
        """
        patch = self.vision_config.patch_size[0]
        side = size / patch * self.downsample_ratio
        if side != int(side) or side < 1:
            raise InputError(
                f"frames of {size} px do not fit patches of {patch} px; expected a multiple of "
                f"{int(patch / self.downsample_ratio)}: change the clip setting"
            )
        return int(side) ** 2 * ((width or size) // size)


def set_prompt(config: VQAThinkerConfig, prompt: PromptParams) -> None:
    """Store the prompt of training in the configuration, so that evaluation uses it, too."""
    config.thinking, config.motion_token = prompt.thinking, prompt.motion


MOTION_ENCODER = "motion_encoder"  # the part that is always frozen
PARTS = {
    "vision": ("model.vision_tower.",),
    "projector": ("model.multi_modal_projector.",),
    MOTION_ENCODER: ("model.motion_encoder.",),
    "motion_projector": ("model.motion_projector.",),
    "language": ("model.language_model.", "lm_head."),
}


def part_of(name: str) -> str:
    """The part that a tensor belongs to; KeyError if none.

    >>> part_of("model.motion_projector.1.bias")
    'motion_projector'
    """
    for part, prefixes in PARTS.items():
        if name.startswith(prefixes):
            return part
    raise KeyError(name)


def check_tensors(
    source: Path, expected: Mapping[str, Sequence[int]], found: Mapping[str, Sequence[int]]
) -> None:
    """Compare names and shapes of the tensors in a file or folder with the expected ones.

    Raises:
        InputError: a tensor is missing, unexpected or has another shape.
    """
    lines = [f"{name}: missing" for name in expected.keys() - found.keys()]
    lines += [f"{name}: not expected" for name in found.keys() - expected.keys()]
    lines += [
        f"{name}: shape {list(found[name])}, expected {list(expected[name])}"
        for name in expected.keys() & found.keys()
        if tuple(expected[name]) != tuple(found[name])
    ]
    if lines:
        listed = sorted(lines)[:_MAX_LISTED]
        raise InputError("\n  ".join([f"{source}: {len(lines)} tensors do not match:", *listed]))


IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def normalise(frames: Tensor) -> Tensor:
    """uint8 frames (…, 3, height, width) in 0..255 → float32 with ImageNet's mean 0 and std 1."""
    mean = torch.tensor(IMAGENET_MEAN, device=frames.device).view(3, 1, 1)
    std = torch.tensor(IMAGENET_STD, device=frames.device).view(3, 1, 1)
    return (frames.float() / 255 - mean) / std


def attention_window(language: PreTrainedConfig) -> int | None:
    """Size of the sliding attention window in tokens, the query included; None: no window."""
    return None if set(language.layer_types) == {"full_attention"} else int(language.sliding_window)
