"""Claims about pairs of videos, and how ties count."""

import math

import numpy as np
import pytest

from vqathinker.evaluation.agreement import draw_pairs, pairwise_accuracy

IN_TURN = np.arange(40).reshape(-1, 2)


@pytest.mark.parametrize(("videos", "pairs"), [(1200, 600), (839, 419)])
def test_there_are_as_many_pairs_as_in_the_printed_figures(videos, pairs):
    drawn = draw_pairs(videos, np.random.default_rng(1))
    assert drawn.shape == (pairs, 2)
    assert len(np.unique(drawn)) == 2 * pairs


def test_equal_scores_are_half_right_and_equal_mos_do_not_count():
    mos = np.array([1, 2, 1, 2, 1, 2, 3, 3] + [1, 2] * 16)
    scores = np.array([1, 2, 2, 1, 5, 5, 1, 2] + [1, 2] * 16)
    assert pairwise_accuracy(scores, mos, pairs=IN_TURN).value == pytest.approx(17.5 / 19)


def test_wilsons_interval_by_hand():
    # 90 of 100, t of 99 degrees of freedom 1.984217: 0.885198 ± 0.060081
    mos = np.arange(200.0)
    scores = mos.copy()
    scores[:20] = scores[:20].reshape(-1, 2)[:, ::-1].ravel()
    found = pairwise_accuracy(scores, mos, pairs=np.arange(200).reshape(-1, 2))
    square = 1.984217**2
    middle = (0.9 + square / 200) / (1 + square / 100)
    half = 1.984217 / (1 + square / 100) * math.sqrt(0.09 / 100 + square / 40000)
    assert found.value == 0.9
    assert (found.low, found.high) == pytest.approx((middle - half, middle + half), abs=1e-6)


def test_an_interval_over_pairs_covers():
    rng, hits = np.random.default_rng(5), 0
    true = 0.5 + math.asin(0.8) / math.pi
    for _ in range(200):
        x, e = rng.normal(size=(2, 200))
        pairs = draw_pairs(200, rng)
        found = pairwise_accuracy(x, 0.8 * x + 0.6 * e, pairs=pairs)
        hits += found.low <= true <= found.high
    assert 0.9 <= hits / 200 <= 0.98


def test_pairs_that_share_contents_have_a_wider_interval():
    """Scores that are wrong about whole contents are wrong about many pairs at once."""
    rng = np.random.default_rng(6)
    contents = np.arange(320) % 16
    mos = rng.normal(size=320) + 0.1 * contents
    scores = mos + 3 * rng.normal(size=16)[contents]
    pairs = draw_pairs(320, rng)
    alone = pairwise_accuracy(scores, mos, pairs=pairs)
    together = pairwise_accuracy(scores, mos, contents, pairs=pairs)
    assert together.value == alone.value
    assert together.high - together.low > 1.3 * (alone.high - alone.low)


@pytest.mark.parametrize(
    ("scores", "mos", "groups", "reason"),
    [
        ([1.0] * 40, range(40), None, "all scores are equal"),
        (range(40), np.arange(40) // 2, None, "no pair of videos with different MOS"),
        (range(40), range(40), ["a"] * 40, "1 content "),
    ],
)
def test_there_is_a_reason_where_there_is_no_interval(scores, mos, groups, reason):
    found = pairwise_accuracy(list(scores), list(mos), groups, pairs=IN_TURN)
    assert (found.low, found.high) == (None, None)
    assert reason in found.reason
