"""Claims about VQEG's logistic: what it finds, what it cannot change, and when it gives up."""

import math

import numpy as np
import pytest

from vqathinker.evaluation import logistic
from vqathinker.evaluation.logistic import fit_logistic, resample_logistic
from vqathinker.evaluation.measures import correlations


def curved(noise, videos=200, seed=1):
    """Scores, and MOS 10…90 on a logistic of them."""
    rng = np.random.default_rng(seed)
    scores = rng.uniform(1, 5, videos)
    mos = 10 + 80 / (1 + np.exp(-(scores - 3.2) / 0.4))
    return scores, mos + noise * rng.normal(size=videos)


def test_a_logistic_is_found_again():
    scores, mos = curved(0)
    found = fit_logistic(scores, mos)
    assert found.plcc == pytest.approx(1)
    assert found.rmse == pytest.approx(0, abs=1e-4)
    np.testing.assert_allclose(found.mapped, mos, atol=1e-3)


def test_the_curve_is_that_of_least_squares():
    """Then PLCC and RMSE say the same: RMSE² = variance of the MOS · (1 - PLCC²)."""
    scores, mos = curved(8)
    found = fit_logistic(scores, mos)
    assert found.plcc > correlations(scores, mos)["plcc"]
    assert found.rmse == pytest.approx(mos.std() * math.sqrt(1 - found.plcc**2), rel=1e-4)


def test_the_scale_of_the_scores_does_not_matter():
    scores, mos = curved(8)
    plain, stretched = fit_logistic(scores, mos), fit_logistic(1000 * scores - 7, mos)
    assert stretched.plcc == pytest.approx(plain.plcc, abs=1e-6)
    assert stretched.rmse == pytest.approx(plain.rmse, rel=1e-5)


@pytest.mark.parametrize(
    ("scores", "mos", "reason"),
    [
        ([2.0] * 9, range(9), "all scores are equal"),
        ([math.nan, *range(8)], range(9), "no finite number"),
        ([1, 2, 3] * 3, range(9), "3 different scores; the logistic needs 5"),
        ([1.0, 2.0, 3.0], [1, 2, 4], "3 different scores"),
    ],
)
def test_without_a_fit_there_is_a_reason(scores, mos, reason):
    found = fit_logistic(scores, list(mos))
    assert found[:3] == (None, None, None)
    assert reason in found.reason


def test_a_fit_that_does_not_converge_is_no_number(monkeypatch):
    monkeypatch.setattr(logistic, "_MOST_CALLS", 2)
    for drawn in resample_logistic(*curved(8), generator=np.random.default_rng(1), resamples=100):
        found = drawn.estimate()
        assert found[:3] == (None, None, None)
        assert "did not converge" in found.reason


def test_fitting_anew_in_each_resample_would_give_about_the_same_errors():
    scores, mos = curved(8)
    kept = resample_logistic(scores, mos, generator=np.random.default_rng(1), resamples=1000)
    rng, anew = np.random.default_rng(2), []
    for _ in range(100):
        drawn = rng.integers(0, 200, 200)
        anew.append(fit_logistic(scores[drawn], mos[drawn])[1:3])
    for one, refitted in zip(kept, np.array(anew).T, strict=True):
        assert one.replicates.std() == pytest.approx(refitted.std(), rel=0.25)


def test_contents_are_drawn_as_wholes():
    scores, mos = curved(8)
    kinds = np.arange(200) % 10
    alone, together = (
        resample_logistic(
            scores, mos + 40 * (kinds == 3), groups, generator=np.random.default_rng(1),
            resamples=500,
        )[1].replicates.std()
        for groups in (None, kinds)
    )  # fmt: skip
    assert together > 1.3 * alone
