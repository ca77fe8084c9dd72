"""The motion feature: what it depends on, what not, and how it is centred and scaled."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from vqathinker.policy.model import build_motion_encoder
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


@pytest.fixture
def sparse() -> FilterBank:
    """An encoder whose slow pathway looks at the first and the last of 6 frames alone."""
    return FilterBank(slow_divisor=3)


@pytest.fixture
def change(sparse: FilterBank) -> Tensor:
    """Which numbers tell of change: those that frames unseen by the slow pathway move."""
    still = pictures(1, 0).expand(6, -1, -1, -1).clone()[None]
    moved = still.clone()
    moved[0, 1:5] = pictures(4, 1)
    return (sparse(still) != sparse(moved))[0]


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


def test_a_clip_s_feature_does_not_depend_on_the_precision_around(encoder: FilterBank) -> None:
    clips = torch.cat([pan(6, step, seed) for step, seed in ((0, 0), (2, 1))])
    exact = encoder(clips)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(encoder(clips), exact)


def test_a_frozen_and_a_moving_clip_differ_in_the_change_part_alone(
    sparse: FilterBank, change: Tensor
) -> None:
    assert 0 < int(change.sum()) < sparse.dim
    moving = pan(6, 4)
    moving[:, -1] = moving[:, 0]
    frozen = moving[:, :1].expand_as(moving)
    difference = (sparse.raw_features(moving) - sparse.raw_features(frozen))[0].abs()
    assert float(difference[change].max()) > 1.0
    assert float(difference[~change].max()) < 1e-5


@pytest.mark.parametrize("degraded", ["blurred", "noisy", "darkened"])
def test_degradations_leave_a_trace_in_the_appearance_part(
    encoder: FilterBank, change: Tensor, degraded: str
) -> None:
    noise = torch.randn((2, 6, 3, SIZE, SIZE), generator=torch.Generator().manual_seed(1))
    clip = pan(6, 1) + 0.1 * noise[:1]
    other = {
        "blurred": interpolate(avg_pool2d(clip[0], 4), size=SIZE, mode="bilinear")[None],
        "noisy": clip + 0.3 * noise[1:],
        "darkened": clip - 1.0,
    }[degraded]
    difference = (encoder.raw_features(clip) - encoder.raw_features(other))[0, ~change].abs()
    assert float(difference.max()) > 0.1


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


def test_centre_and_scale_travel_with_the_weights(encoder: FilterBank) -> None:
    clips = torch.cat([pan(6, 1, seed) for seed in range(4)])
    encoder.calibrate(encoder.raw_features(clips))
    other = FilterBank()
    other.load_state_dict(encoder.state_dict())
    assert torch.equal(other(clips), encoder(clips))
    assert not list(encoder.parameters())


@pytest.mark.parametrize("config", [{"encoder": "slowfast"}, {"encoder": "typo"}, {}])
def test_an_unknown_encoder_is_refused_by_name(config: dict[str, str]) -> None:
    name = repr(config.get("encoder"))
    with pytest.raises(ValueError, match=rf"{name}.*base\.motion"):
        build_motion_encoder(config)


@pytest.mark.parametrize("name", ["filter_bank", "slowfast_r50"])
def test_frames_encoded_once_give_the_feature_of_every_order_of_theirs(name: str) -> None:
    encoder = build_motion_encoder({"encoder": name}).eval()
    clip = torch.randn((1, 6, 3, 224, 224), generator=torch.Generator().manual_seed(0))
    order = [5, 0, 0, 3, 1, 2]
    pooled = encoder.pool_frames(encoder.encode_frames(clip)[:, order])
    torch.testing.assert_close(pooled, encoder(clip[:, order]))
    assert not torch.allclose(pooled, encoder(clip))
