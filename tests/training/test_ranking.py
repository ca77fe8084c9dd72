"""The ranking reward; test_rewards.py checks golden values."""

from math import nan, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from vqathinker.training.ranking import ranking

EPSILON = 1e-6
LOWEST, HIGHEST = 2 * sqrt(EPSILON), sqrt(1 + EPSILON) + sqrt(EPSILON)
ORDINARY = st.one_of(st.floats(-100, 100), st.sampled_from([1.0, 3.0, 3.25, nan]))
Batch = tuple[np.ndarray, np.ndarray]


@st.composite
def batches(draw: st.DrawFn, scores: st.SearchStrategy[float]) -> Batch:
    shape = draw(array_shapes(min_dims=2, max_dims=3, max_side=5))
    mos = draw(arrays(float, shape[:-1], elements=st.floats(0, 100)))
    return draw(arrays(float, shape, elements=scores)), mos


@pytest.mark.parametrize("failed", [nan, np.inf, -np.inf])
def test_failed_rollout_gets_zero_and_does_not_affect_others(failed: float) -> None:
    rewards = ranking([[3.0, 3.5, failed], [2.0, failed, 2.5]], [4.0, 1.0])
    without = ranking([[3.0, 3.5], [2.0, 2.5]], [4.0, 1.0])
    assert [rewards[0, 2], rewards[1, 1]] == [0, 0]
    np.testing.assert_allclose([rewards[0, :2], rewards[1, ::2]], without)


def test_video_without_scores_is_not_compared() -> None:
    three = ranking([[3.0, 3.5], [nan, nan], [2.0, 2.5]], [3.0, 5.0, 2.0])
    two = ranking([[3.0, 3.5], [2.0, 2.5]], [3.0, 2.0])
    np.testing.assert_allclose(three[[0, 2]], two)
    assert three[1].tolist() == [0, 0]
    assert ranking([[3.0, 3.5], [nan, nan]], [3.0, 5.0]).tolist() == [[0, 0], [0, 0]]


@given(batches(st.one_of(ORDINARY, st.floats())))
def test_ranking_is_in_range_or_zero(batch: Batch) -> None:
    rewards = ranking(*batch)
    assert rewards.shape == batch[0].shape
    inside = (rewards >= LOWEST - 1e-12) & (rewards <= HIGHEST + 1e-12)
    assert (inside | (rewards == 0)).all()
    assert (rewards[~np.isfinite(batch[0])] == 0).all()


@given(batches(ORDINARY), st.randoms(use_true_random=False))
def test_ranking_is_independent_of_order(batch: Batch, random: Any) -> None:
    scores, mos = batch
    videos = random.sample(range(mos.shape[-1]), mos.shape[-1])
    rollouts = random.sample(range(scores.shape[-1]), scores.shape[-1])
    moved = ranking(scores[..., videos, :][..., rollouts], mos[..., videos])
    expected = ranking(scores, mos)[..., videos, :][..., rollouts]
    np.testing.assert_allclose(moved, expected, atol=1e-6)


@pytest.mark.parametrize("mos", [nan, np.inf])
def test_mos_that_is_not_finite_is_an_error(mos: float) -> None:
    with pytest.raises(ValueError, match=r"nan|inf"):
        ranking([[1.0], [2.0]], [3.0, mos])
