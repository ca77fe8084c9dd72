"""Claims about differences of runs, corrections, and seeds."""

import math

import numpy as np
import pytest

from vqathinker.evaluation.intervals import average_over_sets, bootstrap
from vqathinker.evaluation.significance import compare, holm, over_seeds


def runs_of(errors, videos=120, seed=1):
    """MOS and one run for each error, some of which all runs share."""
    rng = np.random.default_rng(seed)
    mos, shared = rng.normal(size=(2, videos))
    scores = [mos + 0.5 * shared + error * rng.normal(size=videos) for error in errors]
    return np.array(scores), mos


def drawn(scores, mos, groups=None, *, seed=2, resamples=1000):
    rng = np.random.default_rng(seed)
    return bootstrap(scores, mos, groups, generator=rng, resamples=resamples)


class TestCompare:
    def test_a_better_run_is_told_from_a_worse_one_and_signs_turn_with_the_order(self):
        better, worse = drawn(*runs_of([0.2, 1.0]))
        found, turned = compare(better.srcc, worse.srcc), compare(worse.srcc, better.srcc)
        assert found.difference == better.srcc.value - worse.srcc.value
        assert 0 < found.low < found.difference < found.high
        assert found.p < 0.01
        assert turned.low == pytest.approx(-found.high)
        assert turned.p == pytest.approx(found.p)

    def test_p_is_below_five_percent_just_where_the_interval_leaves_out_zero(self):
        seen = set()
        for seed in range(40):
            first, second = drawn(*runs_of([0.5, 0.62], videos=60, seed=seed))
            found = compare(first.plcc, second.plcc)
            apart = found.low > 0 or found.high < 0
            seen.add(apart)
            if not 0.045 < found.p < 0.055:
                assert apart == (found.p < 0.05)
        assert seen == {True, False}

    def test_runs_that_are_alike_differ_in_one_of_twenty_sets(self):
        sets = range(200)
        below = [
            compare(*(run.plcc for run in drawn(*runs_of([0.5, 0.5], 80, s), resamples=250))).p
            for s in sets
        ]
        assert np.mean(np.array(below) < 0.05) < 0.1
        assert 0.4 < np.mean(below) < 0.6

    def test_a_pair_is_surer_than_two_runs_looked_at_apart(self):
        first, second = drawn(*runs_of([0.1, 0.2]))
        found = compare(first.srcc, second.srcc).high - compare(first.srcc, second.srcc).low
        alone = [one.srcc.replicates.std() for one in (first, second)]
        assert found < 2 * 1.96 * math.hypot(*alone)

    def test_averages_over_the_same_sets_are_compared_too(self):
        sets = [drawn(*runs_of([0.2, 0.8], seed=seed), seed=seed) for seed in (1, 2, 3)]
        first, second = (average_over_sets([runs[at].srcc for runs in sets]) for at in (0, 1))
        found = compare(first, second)
        assert found.difference > 0
        assert found.p < 0.01

    def test_a_run_does_not_differ_from_itself_and_no_p_is_made_up(self):
        first, again = drawn(np.tile(runs_of([0.3])[0], (2, 1)), runs_of([0.3])[1])
        found = compare(first.srcc, again.srcc)
        assert (found.difference, found.low, found.p) == (0, None, None)
        assert "every resample" in found.reason

    def test_a_run_without_a_correlation_has_no_difference(self):
        scores, mos = runs_of([0.3, 0.3])
        scores[1] = 3.0
        assert compare(*(run.srcc for run in drawn(scores, mos))) == (
            None, None, None, None, "all scores are equal",
        )  # fmt: skip

    def test_runs_of_different_resamples_are_refused(self):
        scores, mos = runs_of([0.3])
        with pytest.raises(ValueError, match="bootstrap"):
            compare(drawn(scores, mos)[0].srcc, drawn(scores, mos)[0].srcc)


class TestHolm:
    def test_by_hand(self):
        assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])

    def test_no_p_exceeds_one_and_what_is_none_counts_not(self):
        assert holm([0.9, None, 0.8]) == [1.0, None, 1.0]
        assert holm([]) == []


class TestOverSeeds:
    def test_the_variance_is_that_of_videos_and_that_of_seeds(self):
        runs = [run.plcc for run in drawn(*runs_of([0.3, 0.5, 0.7]), resamples=4000)]
        found = over_seeds(runs, np.random.default_rng(3))
        values = [run.value for run in runs]
        assert found.mean.value == pytest.approx(np.mean(values))
        assert found.spread == pytest.approx(np.std(values, ddof=1))
        videos = np.mean([run.replicates for run in runs], axis=0).var()
        both = videos + found.spread**2 / 3
        assert found.mean.replicates.var() == pytest.approx(both, rel=0.1)

    def test_few_seeds_widen_the_interval(self):
        runs = [run.plcc for run in drawn(*runs_of([0.3, 0.5, 0.7]))]
        mean = over_seeds(runs, np.random.default_rng(3)).mean.estimate()
        alone = runs[1].estimate()
        assert mean.high - mean.low > alone.high - alone.low

    def test_one_seed_is_itself(self):
        (run,) = drawn(*runs_of([0.3]))
        assert over_seeds([run.srcc], np.random.default_rng(3)) == (run.srcc, None)

    def test_a_seed_without_an_interval_leaves_mean_and_spread(self):
        scores, mos = runs_of([0.3, 0.5], videos=5)
        found = over_seeds([run.srcc for run in drawn(scores, mos)], np.random.default_rng(3))
        assert found.spread is not None
        assert found.mean.estimate()[1:3] == (None, None)
        assert "5 videos" in found.mean.reason


def test_a_difference_that_no_resample_bridges_has_a_p_below_one_over_their_number() -> None:
    generator = np.random.default_rng(0)
    mos = generator.normal(size=120)
    scores = np.stack([mos + 0.1 * generator.normal(size=120), generator.normal(size=120)])
    few, many = (
        compare(*(one.srcc for one in bootstrap(scores, mos, generator=generator, resamples=n)))
        for n in (200, 2000)
    )
    assert few.p is not None
    assert many.p is not None
    assert max(few.p, many.p) < 1e-9
