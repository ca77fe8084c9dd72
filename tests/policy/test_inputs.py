"""Normalisation of pixels."""

import torch

from vqathinker.policy.config import IMAGENET_MEAN, IMAGENET_STD, normalise


def test_pixels_are_normalised_by_channel() -> None:
    frames = torch.zeros((2, 3, 3, 4, 4), dtype=torch.uint8)
    frames[1] = 255
    normal = normalise(frames)
    assert normal.dtype == torch.float32
    assert normal.shape == frames.shape
    for channel, (mean, std) in enumerate(zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)):
        torch.testing.assert_close(normal[0, :, channel], torch.full((3, 4, 4), -mean / std))
        torch.testing.assert_close(normal[1, :, channel], torch.full((3, 4, 4), (1 - mean) / std))
