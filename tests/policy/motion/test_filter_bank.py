"""The filter bank: frames, calibration, statistics, order of frames."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate, layer_norm

from vqathinker.policy.config import normalise
from vqathinker.policy.model import MOTION_ENCODERS
from vqathinker.policy.motion.filter_bank import FilterBank
from vqathinker.video.statistics import SPATIAL, STATISTICS, frame_statistics, join_statistics

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
    before = encoder(clips)[:, : measured.shape[1]]
    assert torch.equal(before, measured.clamp(-4, 4))  # centre 0, scale 1
    encoder.calibrate(measured)
    centred = (measured - encoder.centre) / encoder.scale
    varied = measured.std(0) > 0.02
    assert bool(varied.any())
    assert float(centred.mean(0)[varied].abs().max()) < 1e-3
    assert float((centred.std(0)[varied] - 1).abs().max()) < 1e-3
    torch.testing.assert_close(encoder(clips), encoder.standardise(measured))


def test_a_layer_norm_preserves_how_far_a_clip_is_from_the_average(encoder: FilterBank) -> None:
    number = len(encoder.centre)
    near = torch.randn((1, number), generator=torch.Generator().manual_seed(0)).clamp(-2, 2) / 4
    near, far = (
        layer_norm(encoder.standardise(features), [encoder.dim])[:, :number]
        for features in (near, 3 * near)
    )
    assert float(far.norm() / near.norm()) == pytest.approx(3, rel=0.15)


@pytest.mark.parametrize("name", ["filter_bank", "slowfast_r50"])
def test_frame_features_can_be_pooled_in_any_order(name: str) -> None:
    encoder = MOTION_ENCODERS[name]().eval()
    clip = torch.randn((1, 6, 3, 224, 224), generator=torch.Generator().manual_seed(0))
    order = [5, 0, 0, 3, 1, 2]
    pooled = encoder.pool_frames(encoder.encode_frames(clip)[:, order])
    torch.testing.assert_close(pooled, encoder(clip[:, order]))
    assert not torch.allclose(pooled, encoder(clip))


def test_a_clip_has_the_same_features_in_every_batch(encoder: FilterBank) -> None:
    clips = torch.cat([pan(6, seed % 5, seed) for seed in range(17)])
    together = encoder(clips)
    for i, clip in enumerate(clips.split(1)):
        assert torch.equal(encoder(clip)[0], together[i])


def test_statistics_are_by_default_those_of_the_pixels(encoder: FilterBank) -> None:
    frames = (pan(6, 3).add(1) * 127.5).to(torch.uint8)
    own = join_statistics(frame_statistics(frames[0]))[None]
    default = encoder(normalise(frames))
    assert torch.equal(encoder(normalise(frames), own), default)
    given = own.clone()
    given[0, 2, SPATIAL.index("noise")] += 1
    assert not torch.equal(encoder(normalise(frames), given), default)


def test_held_and_still_frames_are_features(encoder: FilterBank) -> None:
    clip, moving = pan(6, 0), torch.zeros(1, 6, STATISTICS)
    moving[..., len(SPATIAL)] = 1.0  # log change
    held, frozen = moving.clone(), moving.clone()
    held[0, 4, len(SPATIAL) + 1] = 0.75  # in one of six windows
    frozen[0, 3:, len(SPATIAL)] = -1.2
    usual = encoder.raw_features(clip, moving)
    for statistics, expected in ((held, [0.75 / 6, 0.75]), (frozen, [0.5])):
        change = encoder.raw_features(clip, statistics) - usual
        assert sorted(change[change != 0].tolist()) == pytest.approx(expected)
    still = torch.full_like(moving, -1.2)
    assert encoder.raw_features(clip, still)[0, len(SPATIAL) + 2] == 0  # nothing moves


@pytest.mark.parametrize(
    ("order", "number"),
    [([0, 0, 1, 2, 3, 4], 0), ([3, 0, 5, 1, 4, 2], 2)],
    ids=["repeated", "shuffled"],
)
def test_features_depend_on_the_order_of_frames(
    encoder: FilterBank, order: list[int], number: int
) -> None:
    clip = pan(6, 2)
    change = encoder.raw_features(clip[:, order]) - encoder.raw_features(clip)
    assert change[0, len(SPATIAL) + 3 + number] < -0.1


def test_a_strip_of_tiles_is_a_frame(encoder: FilterBank) -> None:
    strips = torch.cat([pan(4, 2, seed) for seed in range(3)], dim=-1)  # 3 squares side by side
    assert encoder(strips).shape == encoder(pan(4, 2)).shape == (1, encoder.dim)
