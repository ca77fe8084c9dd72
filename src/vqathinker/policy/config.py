"""The configuration of a policy: InternVL's, with the motion branch and the clip setting.

Source: docs/method.md, section 2.
"""

from typing import Any

from transformers import InternVLConfig

from vqathinker.errors import InputError
from vqathinker.params import PromptParams

__all__ = ["VQAThinkerConfig", "ask_as_trained"]


class VQAThinkerConfig(InternVLConfig):
    """InternVL's configuration, and what is not InternVL's.

    Args:
        motion: {"encoder": name, …} of the motion branch; see `build_motion_encoder`.
        setting: frames x size of the clips that the policy is meant to be asked about, "12x560".
        thinking: whether its prompt asks for a thought before the answer.
        motion_token: whether its prompt has the motion token; without it no motion is looked at.
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
    """Write into a policy's configuration the prompt that it is trained with, and asked with."""
    config.thinking, config.motion_token = prompt.thinking, prompt.motion
