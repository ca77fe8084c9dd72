"""Bootstrap intervals: coverage, resamples, and undefined intervals."""

import math

import numpy as np
import pytest
from scipy.stats import bootstrap as scipy_bootstrap
from scipy.stats import pearsonr

from vqathinker.evaluation.intervals import (
    average_over_sets,
    bootstrap,
    fisher_interval,
)

RHO = 0.8
RHO_RANKS = 6 / math.pi * math.asin(RHO / 2)  # Spearman's of a bivariate normal
SETS = 300


def normal_pairs(rng, videos, contents=None, shared=0.5):
    """Scores and MOS (2, videos) with correlation RHO; `shared` is the contents' variance share."""
    mix = np.linalg.cholesky([[1, RHO], [RHO, 1]])
    own = mix @ rng.normal(size=(2, videos))
    if contents is None:
        return own
    common = mix @ rng.normal(size=(2, contents))
    return math.sqrt(shared) * common[:, of(videos, contents)] + math.sqrt(1 - shared) * own


def of(videos, contents):
    return np.arange(videos) % contents


def one(scores, mos, groups=None, *, seed=1, resamples=400):
    rng = np.random.default_rng(seed)
    return bootstrap([scores], mos, groups, generator=rng, resamples=resamples)[0]


def coverage(videos, contents=None):
    """Share of sets whose interval contains the true SRCC, and the true PLCC."""
    rng, covered = np.random.default_rng(11), np.zeros(2)
    groups = None if contents is None else of(videos, contents)
    for _ in range(SETS):
        scores, mos = normal_pairs(rng, videos, contents)
        found = bootstrap([scores], mos, groups, generator=rng, resamples=250)[0]
        for at, (drawn, true) in enumerate(zip(found, (RHO_RANKS, RHO), strict=True)):
            _, low, high, _ = drawn.estimate()
            covered[at] += low <= true <= high
    return covered / SETS


class TestCoverage:
    def test_coverage_over_sixteen_contents(self):
        """As many contents as in LIVE-YT-HFR; treating videos as independent covers far less."""
        assert all(0.92 <= part <= 0.98 for part in coverage(64, 16))


def width(estimate):
    return estimate.high - estimate.low


class TestBootstrap:
    def test_the_standard_error_equals_scipys_bootstrap(self):
        scores, mos = normal_pairs(np.random.default_rng(4), 200)
        theirs = scipy_bootstrap(
            (scores, mos), lambda x, y, axis: pearsonr(x, y, axis=axis).statistic, paired=True,
            vectorized=True, n_resamples=2000, method="percentile",
            rng=np.random.default_rng(5),
        )  # fmt: skip
        drawn = one(scores, mos, resamples=2000).plcc.replicates
        assert drawn.std() == pytest.approx(theirs.standard_error, rel=0.1)

    def test_resamples_do_not_depend_on_the_other_runs(self):
        scores, mos = normal_pairs(np.random.default_rng(4), 50)
        rng = np.random.default_rng(1)
        both = bootstrap([scores, -scores], mos, generator=rng, resamples=400)
        np.testing.assert_array_equal(both[0].srcc.replicates, one(scores, mos).srcc.replicates)
        np.testing.assert_allclose(both[0].srcc.replicates, -both[1].srcc.replicates, atol=1e-12)

    @pytest.mark.parametrize(
        ("scores", "mos", "groups", "reason"),
        [
            ([1.0, 3.0, 2.0], range(3), None, "3 videos to resample; an interval needs 6"),
            ([0, 2, 1, *range(3, 9)], range(9), ["a"] * 9, "1 content to resample"),
            ([0.0] * 30 + [1.0], range(31), None, "resamples of its videos"),
            (range(8), range(8), None, "equal in every resample"),
        ],
    )
    def test_undefined_intervals_have_a_reason(self, scores, mos, groups, reason):
        for drawn in one(list(scores), list(mos), groups):
            found = drawn.estimate()
            assert (found.low, found.high) == (None, None)
            assert reason in found.reason


class TestAverage:
    def sets(self):
        rng = np.random.default_rng(9)
        return [one(*normal_pairs(rng, n), seed=n, resamples=4000).srcc for n in (50, 150, 400)]

    def test_its_variance_is_that_of_independent_sets(self):
        sets = self.sets()
        found = average_over_sets(sets, [2, 1, 1])
        assert found.value == pytest.approx(
            np.average([one.value for one in sets], weights=[2, 1, 1])
        )
        alone = [
            w**2 * one.replicates.var() for w, one in zip((0.5, 0.25, 0.25), sets, strict=True)
        ]
        assert found.replicates.std() == pytest.approx(math.sqrt(sum(alone)), rel=0.05)
        assert width(found.estimate()) < width(sets[0].estimate())

    def test_a_set_without_a_value_leaves_no_average(self):
        undefined = one([1.0] * 9, range(9)).srcc
        assert average_over_sets([*self.sets(), undefined], [1] * 4).estimate()[:3] == (
            None,
            None,
            None,
        )


class TestClosedForms:
    def test_fishers_interval_by_hand(self):
        # atanh(0.5) = 0.549306, 1.959964 / sqrt(28 - 3) = 0.391993
        by_hand = (math.tanh(0.157313), math.tanh(0.941299))
        assert fisher_interval(0.5, 28) == pytest.approx(by_hand, abs=1e-5)
        # Ranks have a larger variance: (1 + 0.5 ** 2 / 2) / 25, so a half width of 0.415771.
        ranks = (math.tanh(0.133535), math.tanh(0.965077))
        assert fisher_interval(0.5, 28, ranks=True) == pytest.approx(ranks, abs=1e-5)
