"""SlowFast-R50 (8x8), from a clip to the 2304 numbers behind the motion token.

Source: Feichtenhofer et al., "SlowFast Networks for Video Recognition", arXiv 1812.03982, table 1;
docs/method.md, section 2, for the pooling. Names and shapes of the weights are those of
pytorchvideo 0.1.5's `slowfast_r50`, whose public weights it takes, without the classifier
(`blocks.5` has no weights there, `blocks.6` is not used). Nothing but torch is needed.

Departures from the released code:
1. The batch norms always use their stored statistics; the authors' follow the policy into training
   mode and so depend on the batch. Theirs is not offered.
2. The encoder computes in float32 whatever the policy's precision is, so that a clip has one
   feature. `policy.model.motion_encoder.to(torch.bfloat16)` computes as the rest does.
"""

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn

from vqathinker.errors import InputError
from vqathinker.policy.motion.slowfast_blocks import (
    ALPHA,
    FAST_RATIO,
    STAGES,
    build_stage,
    build_stem,
)

__all__ = ["CLIPS_AT_A_TIME", "TIME_REPEAT", "SlowFastR50", "time_repeats"]

_WINDOWS = ((8, 7, 7), (32, 7, 7))  # average pools of slow and fast pathway: time, height, width
_SMALLEST = 32 * (_WINDOWS[0][1] - 1) + 1  # px that leave a window's worth of places, of 32 px each

CLIPS_AT_A_TIME = 4  # a step has 128 perturbed copies on one GPU, of 150 MB each at 448 px

# How often each frame's features are repeated before the pools, by the number of frames: the
# authors' training and evaluation.
TIME_REPEAT: Mapping[int, int] = MappingProxyType({6: 6, 12: 4})


class SlowFastR50(nn.Module):
    """Frozen: all state is in buffers, so no optimiser finds it, and it is never in training mode.

    Args:
        time_repeat: by the number of frames; see `time_repeats` for any other number.

    Raises:
        InputError: so few repeats leave less than a window of the pools.
    """

    dim = STAGES[-1].width * 4 * (FAST_RATIO + 1) // FAST_RATIO  # 2048 slow + 256 fast

    def __init__(self, time_repeat: Mapping[int, int] = TIME_REPEAT) -> None:
        super().__init__()
        for frames, repeat in time_repeat.items():
            if repeat < time_repeats(frames, {}):
                raise InputError(
                    f"time_repeat of {frames} frames is {repeat}; the pools need at least "
                    f"{time_repeats(frames, {})}: check motion.time_repeat of the configuration"
                )
        self.time_repeat = dict(time_repeat)
        self.blocks = nn.ModuleList([build_stem(), *(build_stage(i) for i in range(len(STAGES)))])
        _freeze(self.eval())

    def train(self, mode: bool = True) -> "SlowFastR50":  # noqa: ARG002
        """Stay in eval mode."""
        return super().train(False)

    def encode_frames(self, pixel_values: Tensor) -> Tensor:
        """The frames themselves: convolutions over time leave nothing that one tells alone."""
        return pixel_values

    def pool_frames(self, frame_features: Tensor) -> Tensor:
        """Features (clips, 2304) of frames in whatever order; as `forward`."""
        return self(frame_features)

    @torch.no_grad()
    def forward(self, pixel_values: Tensor) -> Tensor:
        """Normalised frames (clips, frames, 3, size, size) → features (clips, 2304), float32.

        Raises:
            ValueError: frames of less than 193 px.
        """
        frames, size = pixel_values.shape[1], min(pixel_values.shape[-2:])
        if size < _SMALLEST:
            raise InputError(
                f"frames of {size} px; SlowFast-R50 needs at least {_SMALLEST}: check the setting"
            )
        repeat = time_repeats(frames, self.time_repeat)
        precision = next(self.buffers()).dtype
        with torch.autocast(pixel_values.device.type, enabled=False):
            parts = [
                self._features(part.transpose(1, 2).to(precision), repeat)
                for part in pixel_values.split(CLIPS_AT_A_TIME)
            ]
        return torch.cat(parts).float()

    def _features(self, fast: Tensor, repeat: int) -> Tensor:
        """Features of clips (clips, 3, frames, size, size)."""
        frames = fast.shape[2]
        slow = fast[:, :, torch.linspace(0, frames - 1, _slow_frames(frames)).long()]
        paths = [slow, fast]
        for block in self.blocks:
            paths = block(paths)
        pooled = [_pool(*path, repeat) for path in zip(paths, _WINDOWS, strict=True)]
        return torch.cat(pooled, dim=1)


def time_repeats(frames: int, table: Mapping[int, int] = TIME_REPEAT) -> int:
    """How often features of so many frames are repeated: by the table, else what fills the pools.

    By that rule alone the authors' evaluation would repeat 3 times, not 4.

    >>> time_repeats(12), time_repeats(16)
    (4, 2)
    """
    fewest = max(-(-_WINDOWS[0][0] // _slow_frames(frames)), -(-_WINDOWS[1][0] // frames))
    return table.get(frames, fewest)


def _freeze(encoder: nn.Module) -> None:
    for module in encoder.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            delattr(module, name)
            module.register_buffer(name, parameter.detach())


def _slow_frames(frames: int) -> int:
    """Frames of the slow pathway: as many as the fusions' strides leave of the fast one's.

    These are the authors' T // 3 of 6 frames and T // 4 of 12.
    """
    return -(-frames // ALPHA)


def _pool(x: Tensor, window: tuple[int, int, int], repeat: int) -> Tensor:
    """Features (clips, channels, time, height, width) → (clips, channels).

    The mean of an average pool of stride 1 is a weighted mean, and its weights are a product of one
    factor for each axis. A frame's copies follow each other, and their weights add up.
    """
    time, height, width = x.shape[2:]
    along_time = _pool_weights(time * repeat, window[0]).view(time, repeat).sum(1)
    factors = (along_time, _pool_weights(height, window[1]), _pool_weights(width, window[2]))
    return torch.einsum("ncthw,t,h,w->nc", x, *(factor.to(x) for factor in factors))


def _pool_weights(places: int, window: int) -> Tensor:
    """Weight of each place in the mean over all windows; they add up to 1.

    >>> _pool_weights(4, 2) * 6
    tensor([1., 2., 2., 1.])
    """
    place = torch.arange(places)
    windows = places - window + 1
    covered = torch.minimum(place + 1, places - place).clamp(max=min(window, windows))
    return covered / (window * windows)
