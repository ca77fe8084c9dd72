"""What a policy is made of: its configuration, its parts, and the pixels that it takes.

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

AUTHORS_SETTING = "12x560"  # frames x size in which the authors evaluate
_LISTED = 12  # an 8B policy has 1,500 tensors


class VQAThinkerConfig(InternVLConfig):
    """InternVL's configuration with the motion branch and the prompt.

    Args:
        motion: {"encoder": name, …} of the motion branch; see `policy.model.MOTION_ENCODERS`.
        setting: frames x size of the clips for evaluation, "12x560".
        thinking: whether the prompt asks for a thought before the answer.
        motion_token: whether the prompt has the motion token; without it no motion is encoded.
    """

    model_type = "vqathinker"

    def __init__(
        self, motion: dict[str, Any] | None = None, setting: str | None = None,
        thinking: bool = True, motion_token: bool = True, **kwargs: Any,
    ) -> None:  # fmt: skip
        self.motion = dict(motion or {"encoder": "filter_bank"})
        self.setting = setting
        self.thinking, self.motion_token = thinking, motion_token
        super().__init__(**kwargs)

    def tokens_per_frame(self, size: int) -> int:
        """Visual tokens of a frame of size × size pixels.

        Raises:
            ValueError: the size is not a whole number of patches that can be shuffled by two.
        """
        patch = self.vision_config.patch_size[0]
        side = size / patch * self.downsample_ratio
        if side != int(side) or side < 1:
            raise InputError(
                f"frames of {size} px do not fit patches of {patch} px; expected a multiple of "
                f"{int(patch / self.downsample_ratio)}: check the clip setting"
            )
        return int(side) ** 2


def ask_as_trained(config: VQAThinkerConfig, prompt: PromptParams) -> None:
    """Write the prompt of training into the configuration, so that evaluation uses it, too."""
    config.thinking, config.motion_token = prompt.thinking, prompt.motion


FROZEN = "motion_encoder"  # training may change all parts but this one
PARTS = {
    "vision": ("model.vision_tower.",),
    "projector": ("model.multi_modal_projector.",),
    FROZEN: ("model.motion_encoder.",),
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


def require_tensors(
    source: Path, expected: Mapping[str, Sequence[int]], given: Mapping[str, Sequence[int]]
) -> None:
    """Check names and shapes of the tensors in a file or folder.

    Raises:
        InputError: tensors are missing, not expected or misshapen; the first ones are listed.
    """
    lines = [f"{name}: missing" for name in expected.keys() - given.keys()]
    lines += [f"{name}: not expected" for name in given.keys() - expected.keys()]
    lines += [
        f"{name}: shape {list(given[name])}, expected {list(expected[name])}"
        for name in expected.keys() & given.keys()
        if tuple(expected[name]) != tuple(given[name])
    ]
    if lines:
        first = sorted(lines)[:_LISTED]
        raise InputError("\n  ".join([f"{source}: {len(lines)} tensors do not fit:", *first]))


IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def normalise(frames: Tensor) -> Tensor:
    """Frames uint8 0..255 (…, 3, height, width) → float32, ImageNet mean 0 and deviation 1."""
    centre = torch.tensor(IMAGENET_MEAN, device=frames.device).view(3, 1, 1)
    scale = torch.tensor(IMAGENET_STD, device=frames.device).view(3, 1, 1)
    return (frames.float() / 255 - centre) / scale


def has_window(language: PreTrainedConfig) -> bool:
    """Whether any layer of a language model attends to a window of tokens only."""
    return set(language.layer_types) != {"full_attention"}


def attention_window(language: PreTrainedConfig) -> int | None:
    """Tokens that a layer with a sliding window attends to, its own included; None: no window."""
    return int(language.sliding_window) if has_window(language) else None
