"""Resamples equal those that are drawn video by video."""

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
def test_correlations_equal_those_of_scipy_on_each_resample(contents):
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


def test_a_content_is_drawn_with_all_its_videos():
    counts = drawn(group_numbers(CONTENTS, 60))
    for content in "abcde":
        assert (np.ptp(counts[content == CONTENTS], axis=0) == 0).all()
    first = [np.flatnonzero(content == CONTENTS)[0] for content in "abcde"]
    assert (counts[first].sum(axis=0) == 5).all()
