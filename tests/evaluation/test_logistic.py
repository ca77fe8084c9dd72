"""VQEG's logistic: the fit is optimal, or undefined with a reason."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vqathinker.evaluation.logistic import fit_logistic
from vqathinker.evaluation.measures import correlations

REAL = Path(__file__).parents[3] / "shared" / "real"
real = pytest.mark.skipif(not REAL.is_dir(), reason=f"published predictions are missing: {REAL}")


def curved(noise, videos=200, seed=1):
    """Scores, and MOS in 10…90 on a logistic curve."""
    rng = np.random.default_rng(seed)
    scores = rng.uniform(1, 5, videos)
    mos = 10 + 80 / (1 + np.exp(-(scores - 3.2) / 0.4))
    return scores, mos + noise * rng.normal(size=videos)


def test_a_logistic_is_recovered():
    scores, mos = curved(0)
    found = fit_logistic(scores, mos)
    assert found.plcc == pytest.approx(1)
    assert found.rmse == pytest.approx(0, abs=1e-4)
    np.testing.assert_allclose(found.mapped, mos, atol=1e-3)


def test_the_fit_is_a_least_squares_fit():
    """For such a fit, RMSE² = variance of the MOS · (1 - PLCC²)."""
    scores, mos = curved(8)
    found = fit_logistic(scores, mos)
    assert found.plcc > correlations(scores, mos)["plcc"]
    assert found.rmse == pytest.approx(mos.std() * math.sqrt(1 - found.plcc**2), rel=1e-4)


@pytest.mark.parametrize(
    ("scores", "mos", "reason"),
    [
        ([2.0] * 9, range(9), "all scores are equal"),
        ([math.nan, *range(8)], range(9), "not finite"),
        ([1, 2, 3] * 3, range(9), "3 distinct scores"),
        ([1.0, 2.0, 3.0], [1, 2, 4], "3 distinct scores"),
    ],
)
def test_undefined_fits_have_a_reason(scores, mos, reason):
    found = fit_logistic(scores, list(mos))
    assert found[:3] == (None, None, None)
    assert reason in found.reason


def rmse_of_line(scores, mos):
    """RMSE of the least-squares line."""
    return np.sqrt(np.mean((np.polyval(np.polyfit(scores, mos, 1), scores) - mos) ** 2))


SHAPES = {
    "line": lambda x, rng: x + 0.5 * rng.normal(size=len(x)),
    "exact line": lambda x, rng: 3 * x - 1,
    "exponential": lambda x, rng: np.exp(x) + 0.1 * rng.normal(size=len(x)),
    "saturating": lambda x, rng: -np.exp(-x) + 0.1 * rng.normal(size=len(x)),
    "step": lambda x, rng: (x > 0.3) + 0.05 * rng.normal(size=len(x)),
    "noise": lambda x, rng: rng.normal(size=len(x)),
}


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("kind", SHAPES)
def test_the_fit_always_converges_and_is_never_worse_than_a_line(kind, direction):
    rng = np.random.default_rng([60, 3])
    scores = rng.normal(size=60)
    mos = direction * SHAPES[kind](scores, rng)
    found = fit_logistic(scores, mos)
    assert found.reason is None
    assert found.rmse <= rmse_of_line(scores, mos) + 1e-9
    assert found.plcc >= abs(correlations(scores, mos)["plcc"]) - 1e-9


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("in_first", [0.5, 0.15, 0.9])  # share of videos in the first cluster
def test_a_curve_within_one_of_two_clusters_is_found(in_first, direction):
    rng = np.random.default_rng(4)
    second = rng.random(80) > in_first
    scores = np.where(second, 10, 0) + rng.normal(0, 0.3, 80)
    for middle in (0.1, 10.1):
        mos = 3 + direction / (1 + np.exp(-(scores - middle) / 0.1))
        assert fit_logistic(scores, mos).plcc == pytest.approx(1, abs=1e-4)


@real
@pytest.mark.parametrize(
    "name", ["konvid_1k", "live_vqc"]
)  # fmt: skip
def test_fits_equal_those_published_by_relax_vqa(name):
    """The curves differ by less than 0.1 % of the MOS range, and ours has no larger error."""
    [path] = (REAL / "relax").glob(f"*{name}*.csv")
    theirs = pd.read_csv(path)
    mos, published = theirs["MOS"].to_numpy(), theirs["y_test_pred_logistic"].to_numpy()
    found = fit_logistic(theirs["y_test_pred"], mos)
    assert found.rmse <= np.sqrt(np.mean((published - mos) ** 2)) * (1 + 1e-6)
    np.testing.assert_allclose(found.mapped, published, atol=1e-3 * np.ptp(mos))


@real
@pytest.mark.parametrize(
    ("name", "printed"),
    [("val-kv1k", 0.883), ("val-l1080p", 0.830)],
)
def test_plcc_equals_that_published_by_dover(name, printed):
    """The published PLCC is of raw scores; the logistic fit can only increase it."""
    theirs = pd.read_csv(REAL / "dover_per_video.csv").query("set == @name")
    raw = correlations(theirs["fused"], theirs["label"])["plcc"]
    assert raw == pytest.approx(printed, abs=6e-4)
    assert raw <= fit_logistic(theirs["fused"], theirs["label"]).plcc < raw + 0.01
