"""From stored frames to pixels as the image and motion encoders take them.

Source: docs/method.md, section 2 (ImageNet mean and standard deviation).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def normalise(
    frames: Tensor, mean: Sequence[float] = IMAGENET_MEAN, std: Sequence[float] = IMAGENET_STD
) -> Tensor:
    """Frames uint8 0..255 (…, 3, height, width) → float32, ImageNet mean 0 and deviation 1."""
    centre = torch.tensor(mean, device=frames.device).view(3, 1, 1)
    scale = torch.tensor(std, device=frames.device).view(3, 1, 1)
    return (frames.float() / 255 - centre) / scale
