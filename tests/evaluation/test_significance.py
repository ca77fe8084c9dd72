"""Differences between runs, and averages over seeds."""

import numpy as np
import pytest

from vqathinker.evaluation.intervals import bootstrap
from vqathinker.evaluation.significance import average_over_seeds, compare


def runs_of(errors, videos=120, seed=1):
    """MOS and a run for each error size; all runs also share an error."""
    rng = np.random.default_rng(seed)
    mos, shared = rng.normal(size=(2, videos))
    scores = [mos + 0.5 * shared + error * rng.normal(size=videos) for error in errors]
    return np.array(scores), mos


def drawn(scores, mos, groups=None, *, seed=2, resamples=1000):
    rng = np.random.default_rng(seed)
    return bootstrap(scores, mos, groups, generator=rng, resamples=resamples)


class TestCompare:
    def test_a_better_run_is_significant_and_swapping_changes_the_sign(self):
        better, worse = drawn(*runs_of([0.2, 1.0]))
        found, turned = compare(better.srcc, worse.srcc), compare(worse.srcc, better.srcc)
        assert found.difference == better.srcc.value - worse.srcc.value
        assert 0 < found.low < found.difference < found.high
        assert found.p < 0.01
        assert turned.low == pytest.approx(-found.high)
        assert turned.p == pytest.approx(found.p)

    def test_p_below_five_percent_means_the_interval_excludes_zero(self):
        seen = set()
        for seed in range(40):
            first, second = drawn(*runs_of([0.5, 0.62], videos=60, seed=seed))
            found = compare(first.plcc, second.plcc)
            apart = found.low > 0 or found.high < 0
            seen.add(apart)
            if not 0.045 < found.p < 0.055:
                assert apart == (found.p < 0.05)
        assert seen == {True, False}

    def test_equal_runs_have_no_p_value(self):
        first, again = drawn(np.tile(runs_of([0.3])[0], (2, 1)), runs_of([0.3])[1])
        found = compare(first.srcc, again.srcc)
        assert (found.difference, found.low, found.p) == (0, None, None)
        assert "every resample" in found.reason


class TestOverSeeds:
    def test_the_variance_is_the_sum_over_videos_and_seeds(self):
        runs = [run.plcc for run in drawn(*runs_of([0.3, 0.5, 0.7]), resamples=4000)]
        found = average_over_seeds(runs, np.random.default_rng(3))
        values = [run.value for run in runs]
        assert found.mean.value == pytest.approx(np.mean(values))
        assert found.spread == pytest.approx(np.std(values, ddof=1))
        videos = np.mean([run.replicates for run in runs], axis=0).var()
        both = videos + found.spread**2 / 3
        assert found.mean.replicates.var() == pytest.approx(both, rel=0.1)
