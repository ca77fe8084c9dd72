"""What the motion token stands for: the feature of a clip, or nothing where a policy has no token.

Source: docs/method.md, section 2. Without the token the feature is empty, so that nothing of the
motion encoder is computed, and everything that hands features on stays as it is.
"""

from torch import Tensor

from vqathinker.policy.config import VQAThinkerConfig
from vqathinker.policy.motion.filter_bank import FilterBank
from vqathinker.policy.motion.slowfast import SlowFastR50

__all__ = ["SeesMotion"]


class SeesMotion:
    """A part of the policy's body: its motion encoder, behind `config.motion_token`."""

    config: VQAThinkerConfig
    motion_encoder: FilterBank | SlowFastR50

    def encode_motion(self, pixel_values: Tensor) -> Tensor:
        """Normalised frames (clips, frames, 3, size, size) → features (clips, dim), or (clips, 0).

        float32.
        """
        return self.pool_motion(self.encode_motion_frames(pixel_values))

    def encode_motion_frames(self, pixel_values: Tensor) -> Tensor:
        """What each frame tells by itself (clips, frames, …), or (clips, frames, 0)."""
        if not self.config.motion_token:
            return pixel_values.new_zeros(*pixel_values.shape[:2], 0)
        return self.motion_encoder.encode_frames(pixel_values)

    def pool_motion(self, frame_features: Tensor) -> Tensor:
        """Features (clips, dim), or (clips, 0), of frames in whatever order."""
        if not self.config.motion_token:
            return frame_features[:, 0]
        return self.motion_encoder.pool_frames(frame_features)
