"""SlowFast-R50: the authors' features, names of the weights, frozen, numbers of frames.

Golden values: `motion.json`, computed with the authors' functions (clh124/VQAThinker at ee47a40)
and pytorchvideo 0.1.5; the names and shapes of `policy.json` are those of the authors' checkpoint.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from vqathinker.policy.motion.slowfast import SlowFastR50, time_repeats

GOLDENS = Path(os.environ["VQATHINKER_GOLDENS"])
TOLERANCE = 1e-3


def golden(name: str) -> dict[str, Any]:
    return json.loads((GOLDENS / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def encoder(draw: Callable[[str, Tensor], Tensor]) -> SlowFastR50:
    """With the golden weights."""
    encoder = SlowFastR50()
    encoder.load_state_dict({name: draw(name, v) for name, v in encoder.state_dict().items()})
    return encoder


@pytest.mark.parametrize("setting", sorted(golden("motion.json")))
def test_feature_equals_the_authors(encoder: SlowFastR50, setting: str) -> None:
    case = golden("motion.json")[setting]
    frames, size = case["frames"], case["size"]
    assert frames // case["slow_divisor"] == -(-frames // 4)
    assert time_repeats(frames) == case["time_repeat"]
    generator = torch.Generator().manual_seed(case["input_seed"])
    clip = torch.randn((1, 3, frames, size, size), generator=generator).transpose(1, 2)
    expected = torch.tensor(case["feature"])
    feature = encoder(clip)[0]
    assert feature.shape == expected.shape == (encoder.dim,)
    torch.testing.assert_close(feature, expected, rtol=TOLERANCE, atol=1e-5)


def test_tensors_are_those_of_the_public_weights(encoder: SlowFastR50) -> None:
    prefix = "slowfast_model.feature_extraction."
    theirs = {
        name.replace(prefix, "blocks."): tuple(shape)
        for name, shape in golden("policy.json")["state_dict"].items()
        if name.startswith(prefix)
    }
    assert {name: tuple(v.shape) for name, v in encoder.state_dict().items()} == theirs


def test_encoder_is_frozen(encoder: SlowFastR50) -> None:
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    clip = torch.randn((1, 6, 3, 224, 224), generator=torch.Generator().manual_seed(0))
    feature = encoder.train()(clip.requires_grad_())
    assert not any(module.training for module in encoder.modules())
    assert not list(encoder.parameters())
    assert not feature.requires_grad
    assert all(torch.equal(before[name], v) for name, v in encoder.state_dict().items())


def test_feature_is_independent_of_batch_and_autocast(
    encoder: SlowFastR50,
) -> None:
    clips = torch.randn((2, 6, 3, 224, 224), generator=torch.Generator().manual_seed(1))
    together = encoder(clips)
    assert together.dtype == torch.float32
    torch.testing.assert_close(encoder(clips[1:]), together[1:], rtol=1e-4, atol=1e-5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(encoder(clips), together)


@given(frames=st.integers(1, 64).filter(lambda frames: frames != 12))
def test_repetitions_are_just_enough_for_the_pools(frames: int) -> None:
    repeat, slow = time_repeats(frames), -(-frames // 4)
    assert repeat * slow >= 8
    assert repeat * frames >= 32
    assert repeat == 1 or (repeat - 1) * slow < 8 or (repeat - 1) * frames < 32


def test_too_small_frames_are_an_error(encoder: SlowFastR50) -> None:
    with pytest.raises(ValueError, match=r"\b192 px.*\b193\b"):
        encoder(torch.zeros((1, 6, 3, 192, 192)))
