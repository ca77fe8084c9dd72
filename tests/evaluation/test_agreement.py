"""Measures of agreement and their intervals: all measures, Kendall's tau, pairs of videos."""

import json
import math

import numpy as np
import pytest
from scipy.stats import kendalltau

from vqathinker.evaluation.agreement import draw_pairs, krcc, measure_agreement, pairwise_accuracy
from vqathinker.params import IntervalsParams

QUICK = IntervalsParams(resamples=300, seed=7, confidence=0.95)
NAMES = ["srcc", "plcc", "krcc", "plcc_logistic", "rmse_logistic", "pairwise_accuracy"]


def agreement(videos=96, contents=None, params=QUICK, name="konvid_1k"):
    rng = np.random.default_rng(1)
    mos = rng.normal(50, 15, videos)
    scores = mos / 20 + rng.normal(0, 0.3, videos)
    known = [None] * videos if contents is None else [f"c{at % contents}" for at in range(videos)]
    return measure_agreement(scores, mos, known, name, params)


def test_every_measure_has_a_value_within_its_interval():
    found = agreement()["measures"]
    assert list(found) == NAMES
    for one in found.values():
        assert one["low"] < one["value"] < one["high"]
        assert one["reason"] is None
    for name in ("srcc", "plcc"):
        assert found[name]["fisher_low"] < found[name]["value"] < found[name]["fisher_high"]


@pytest.mark.parametrize(
    ("contents", "by", "number"), [(None, "video", 96), (16, "content", 16), (96, "video", 96)]
)
def test_resampling_is_by_content_if_videos_share_one(contents, by, number):
    found = agreement(contents=contents)
    assert (found["resampled_by"], found["n_groups"]) == (by, number)


def test_the_same_parameters_write_the_same_bytes():
    first, again = (json.dumps(agreement(contents=16), allow_nan=False) for _ in range(2))
    assert first == again
    other = QUICK.model_copy(update={"seed": 8})
    assert json.dumps(agreement(contents=16, params=other)) != first
    assert json.dumps(agreement(contents=16, name="b")) != first


@pytest.mark.parametrize("videos", [0, 2, 5])
def test_few_videos_have_a_reason_and_no_interval(videos):
    found = agreement(videos)
    for one in found["measures"].values():
        assert one["low"] is one["high"] is None
        assert one["reason"]
    assert found["n_groups"] == videos


CONTENTS = np.arange(60) % 12


@pytest.mark.parametrize("contents", [None, CONTENTS])
def test_the_interval_of_tau_equals_a_jackknife_with_scipy(contents):
    rng = np.random.default_rng(1)
    mos = rng.normal(50, 10, 60).round(0)  # with ties
    scores = (mos / 20 + rng.normal(0, 0.3, 60)).round(1)
    groups = np.arange(60) if contents is None else contents
    names = np.unique(groups)
    z = np.array(
        [math.atanh(kendalltau(scores[groups != g], mos[groups != g]).statistic) for g in names]
    )
    error = math.sqrt((len(z) - 1) * z.var())
    found = krcc(scores, mos, contents)
    value = kendalltau(scores, mos).statistic
    assert found.value == value
    t = {60: 2.000995, 12: 2.200985}[len(names)]  # of 59 and 11 degrees of freedom
    expected = [math.tanh(math.atanh(value) + side * t * error) for side in (-1, 1)]
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("scores", "groups", "reason"),
    [
        ([1, 3, 2, 4, 5, 7, 6, 9, 8], ["a"] * 9, "1 content "),
        (range(9), None, "perfect order"),
        ([0.0] * 8 + [1.0], None, "all are equal"),
    ],
)
def test_undefined_intervals_of_tau_have_a_reason(scores, groups, reason):
    found = krcc(list(scores), range(9), groups)
    assert (found.low, found.high) == (None, None)
    assert reason in found.reason


NEIGHBOURS = np.arange(40).reshape(-1, 2)


@pytest.mark.parametrize(("videos", "pairs"), [(1200, 600), (839, 419)])
def test_the_number_of_pairs_is_that_of_the_publication(videos, pairs):
    drawn = draw_pairs(videos, np.random.default_rng(1))
    assert drawn.shape == (pairs, 2)
    assert len(np.unique(drawn)) == 2 * pairs


def test_equal_scores_count_half_and_equal_mos_not_at_all():
    mos = np.array([1, 2, 1, 2, 1, 2, 3, 3] + [1, 2] * 16)
    scores = np.array([1, 2, 2, 1, 5, 5, 1, 2] + [1, 2] * 16)
    assert pairwise_accuracy(scores, mos, pairs=NEIGHBOURS).value == pytest.approx(17.5 / 19)


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


def test_pairs_that_share_contents_have_a_wider_interval():
    """Scores with errors by content are wrong for many pairs at once."""
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
        (range(40), np.arange(40) // 2, None, "no pair of videos with different MOS"),
        (range(40), range(40), ["a"] * 40, "1 content "),
    ],
)
def test_undefined_intervals_over_pairs_have_a_reason(scores, mos, groups, reason):
    found = pairwise_accuracy(list(scores), list(mos), groups, pairs=NEIGHBOURS)
    assert (found.low, found.high) == (None, None)
    assert reason in found.reason
