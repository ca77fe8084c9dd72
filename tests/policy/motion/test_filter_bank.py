"""The motion feature: what it depends on, what not, and how it is centred and scaled."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from vqathinker.policy.model import MOTION_ENCODERS
from vqathinker.policy.motion.filter_bank import FilterBank

SIZE = 56


def pictures(number: int, seed: int) -> Tensor:
    """Smooth seeded pictures (number, 3, SIZE, SIZE) in -1..1."""
    coarse = torch.rand((number, 3, 8, 8), generator=torch.Generator().manual_seed(seed))
    return 2 * interpolate(coarse, size=SIZE, mode="bilinear", align_corners=False) - 1


def pan(frames: int, step: int, seed: int = 0) -> Tensor:
    """A clip (1, frames, 3, SIZE, SIZE): one picture that moves by `step` px a frame."""
    picture = pictures(1, seed)[0]
    return torch.stack([picture.roll(step * t, dims=-1) for t in range(frames)])[None]


@pytest.fixture
def encoder() -> FilterBank:
    return FilterBank()


@pytest.mark.parametrize("frames", [1, 2])
def test_too_few_frames_are_refused(encoder: FilterBank, frames: int) -> None:
    with pytest.raises(ValueError, match=rf"{frames} frames\b.*\b3\b"):
        encoder(pan(frames, 2))


def test_a_clip_s_feature_does_not_depend_on_the_others(encoder: FilterBank) -> None:
    clips = torch.cat([pan(6, step, seed) for step, seed in ((0, 0), (2, 1), (9, 2))])
    together = encoder(clips)
    for number in range(3):
        torch.testing.assert_close(together[number], encoder(clips[number : number + 1])[0])
    torch.testing.assert_close(encoder(clips.flip(0)), together.flip(0))


def test_calibrated_features_are_centred_and_of_unit_deviation(encoder: FilterBank) -> None:
    clips = torch.cat([pan(6, seed % 5, seed) for seed in range(24)])
    measured = encoder.raw_features(clips)
    assert torch.equal(encoder(clips), measured.clamp(-5, 5))  # until then: centre 0, scale 1
    encoder.calibrate(measured)
    centred = (measured - encoder.centre) / encoder.scale
    varied = measured.std(0) > 0.01
    assert bool(varied.any())
    assert float(centred.mean(0)[varied].abs().max()) < 1e-3
    assert float((centred.std(0)[varied] - 1).abs().max()) < 1e-3
    torch.testing.assert_close(encoder(clips), encoder.standardise(measured))


@pytest.mark.parametrize("name", ["filter_bank", "slowfast_r50"])
def test_frames_encoded_once_give_the_feature_of_every_order_of_theirs(name: str) -> None:
    encoder = MOTION_ENCODERS[name]().eval()
    clip = torch.randn((1, 6, 3, 224, 224), generator=torch.Generator().manual_seed(0))
    order = [5, 0, 0, 3, 1, 2]
    pooled = encoder.pool_frames(encoder.encode_frames(clip)[:, order])
    torch.testing.assert_close(pooled, encoder(clip[:, order]))
    assert not torch.allclose(pooled, encoder(clip))
