"""Claims about resamples: they are what drawing videos one by one gives."""

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr

from vqathinker.evaluation.resampling import (
    MidRanks,
    Moments,
    group_numbers,
    rank_correlations,
    resample_counts,
)

CONTENTS = np.array(["b", "a", "b", "c", "a", "b", "c", "d", "e", "e"] * 6)


def drawn(groups, resamples=60, seed=3):
    blocks = list(resample_counts(groups, resamples, np.random.default_rng(seed)))
    return np.concatenate(blocks, axis=1)


@pytest.mark.parametrize("contents", [None, CONTENTS])
def test_correlations_are_those_of_scipy_on_the_videos_of_each_resample(contents):
    rng = np.random.default_rng(1)
    mos = rng.normal(50, 10, 60).round(0)
    scores = (mos / 20 + rng.normal(0, 0.3, 60)).round(1)  # ties in both
    counts = drawn(group_numbers(contents, 60))
    x, y = MidRanks(scores).centred(counts), MidRanks(mos).centred(counts)
    ours = [rank_correlations(x, y, counts), Moments(scores, mos).correlations(counts)]
    theirs = np.array(
        [
            [
                measure(np.repeat(scores, times), np.repeat(mos, times)).statistic
                for times in counts.T.astype(int)
            ]
            for measure in (spearmanr, pearsonr)
        ]
    )
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


def test_a_resample_has_as_many_videos_as_the_set():
    assert (drawn(group_numbers(None, 60)).sum(axis=0) == 60).all()


def test_a_content_is_drawn_with_all_its_videos():
    counts = drawn(group_numbers(CONTENTS, 60))
    for content in "abcde":
        assert (np.ptp(counts[content == CONTENTS], axis=0) == 0).all()
    first = [np.flatnonzero(content == CONTENTS)[0] for content in "abcde"]
    assert (counts[first].sum(axis=0) == 5).all()


def test_blocks_of_resamples_are_drawn_anew():
    counts = drawn(np.arange(3000), 50)  # three blocks
    assert counts.shape == (3000, 50)
    assert len(np.unique(counts, axis=1).T) == 50


def test_the_mean_count_of_a_video_is_one_and_its_variance_that_of_a_multinomial():
    counts = drawn(np.arange(20), 20000)
    assert counts.mean() == 1
    assert counts.var() == pytest.approx(1 - 1 / 20, rel=0.02)


def test_a_resample_in_which_all_are_equal_has_no_correlation():
    counts = np.array([[3.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    values = np.array([0.1, 0.3, 0.7])
    ranks = MidRanks(values).centred(counts)
    for found in (
        rank_correlations(ranks, ranks, counts),
        Moments(values, values).correlations(counts),
    ):
        assert np.isnan(found[0])
        assert found[1] == pytest.approx(1)


def test_numbers_of_any_size_are_correlated():
    values = np.array([1.0, 2.0, 4.0, 8.0])
    counts = np.ones((4, 1))
    for factor in (1e-200, 1e200):
        found = Moments(values * factor, values).correlations(counts)
        assert found == pytest.approx(1)
