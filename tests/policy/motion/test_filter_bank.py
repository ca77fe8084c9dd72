"""The filter bank: frames, calibration, order of frames."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from vqathinker.policy.model import MOTION_ENCODERS
from vqathinker.policy.motion.filter_bank import FilterBank

SIZE = 56


def pictures(number: int, seed: int) -> Tensor:
    """Smooth random pictures (number, 3, SIZE, SIZE) in -1..1."""
    coarse = torch.rand((number, 3, 8, 8), generator=torch.Generator().manual_seed(seed))
    return 2 * interpolate(coarse, size=SIZE, mode="bilinear", align_corners=False) - 1


def pan(frames: int, step: int, seed: int = 0) -> Tensor:
    """A clip (1, frames, 3, SIZE, SIZE): a picture that moves by `step` px per frame."""
    picture = pictures(1, seed)[0]
    return torch.stack([picture.roll(step * t, dims=-1) for t in range(frames)])[None]


@pytest.fixture
def encoder() -> FilterBank:
    return FilterBank()


@pytest.mark.parametrize("frames", [1, 2])
def test_too_few_frames_are_an_error(encoder: FilterBank, frames: int) -> None:
    with pytest.raises(ValueError, match=rf"{frames} frames\b.*\b3\b"):
        encoder(pan(frames, 2))


def test_calibrated_features_have_mean_0_and_deviation_1(encoder: FilterBank) -> None:
    clips = torch.cat([pan(6, seed % 5, seed) for seed in range(24)])
    measured = encoder.raw_features(clips)
    assert torch.equal(encoder(clips), measured.clamp(-5, 5))  # before: centre 0, scale 1
    encoder.calibrate(measured)
    centred = (measured - encoder.centre) / encoder.scale
    varied = measured.std(0) > 0.01
    assert bool(varied.any())
    assert float(centred.mean(0)[varied].abs().max()) < 1e-3
    assert float((centred.std(0)[varied] - 1).abs().max()) < 1e-3
    torch.testing.assert_close(encoder(clips), encoder.standardise(measured))


@pytest.mark.parametrize("name", ["filter_bank", "slowfast_r50"])
def test_frame_features_can_be_pooled_in_any_order(name: str) -> None:
    encoder = MOTION_ENCODERS[name]().eval()
    clip = torch.randn((1, 6, 3, 224, 224), generator=torch.Generator().manual_seed(0))
    order = [5, 0, 0, 3, 1, 2]
    pooled = encoder.pool_frames(encoder.encode_frames(clip)[:, order])
    torch.testing.assert_close(pooled, encoder(clip[:, order]))
    assert not torch.allclose(pooled, encoder(clip))
