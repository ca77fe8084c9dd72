"""Claims about Kendall's tau: what is left out, and how often its interval covers."""

import math

import numpy as np
import pytest
from scipy.stats import kendalltau

from vqathinker.evaluation.agreement import krcc

CONTENTS = np.arange(60) % 12


@pytest.mark.parametrize("contents", [None, CONTENTS])
def test_the_interval_is_that_of_leaving_out_one_group_at_a_time(contents):
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


def test_it_covers_the_tau_of_the_population():
    rng, hits = np.random.default_rng(3), 0
    true = 2 / math.pi * math.asin(0.8)
    for _ in range(200):
        x, e = rng.normal(size=(2, 100))
        found = krcc(x, 0.8 * x + 0.6 * e)
        hits += found.low <= true <= found.high
    assert 0.9 <= hits / 200 <= 0.98


@pytest.mark.parametrize(
    ("scores", "groups", "reason"),
    [
        ([1.0] * 9, None, "all scores are equal"),
        ([1, 3, 2, 4, 5, 7, 6, 9, 8], ["a"] * 9, "1 content "),
        (range(9), None, "perfect order"),
        ([0.0] * 8 + [1.0], None, "all are equal"),
    ],
)
def test_there_is_a_reason_where_there_is_no_interval(scores, groups, reason):
    found = krcc(list(scores), range(9), groups)
    assert (found.low, found.high) == (None, None)
    assert reason in found.reason
