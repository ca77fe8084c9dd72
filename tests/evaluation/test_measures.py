"""Tests of correlations, and of the correlation of spread and error."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vqathinker.evaluation.measures import correlations, measure_score


class TestCorrelations:
    def test_srcc_by_hand_from_rank_differences(self) -> None:
        # ranks 1 3 2 5 4 against 1 2 3 4 5: 1 - 6·4 / (5·24)
        found = correlations([1.0, 3.0, 2.0, 5.0, 4.0], [10, 20, 30, 40, 50])
        assert found["srcc"] == pytest.approx(0.8)

    def test_plcc_by_hand_from_deviations(self) -> None:
        # deviations -1 0 1 and -2 1 1: 3 / sqrt(2·6)
        found = correlations([1.0, 2.0, 3.0], [1, 4, 4])
        assert found["plcc"] == pytest.approx(3 / np.sqrt(12))

    @pytest.mark.parametrize(
        ("scores", "mos", "reason"),
        [
            ([3.0, 3.0, 3.0], [1, 2, 3], "all scores are equal"),
            ([1.0, 2.0, 3.0], [3, 3, 3], "all MOS are equal"),
            ([1.0, 2.0], [1, 2], "2 videos with a score; correlations need 3"),
            ([1.0, 2.0, np.inf], [1, 2, 3], "a score or a MOS is not finite"),
        ],
    )
    def test_undefined_correlations_have_a_reason(
        self, scores: list[float], mos: list[float], reason: str
    ) -> None:
        assert correlations(scores, mos) == {"srcc": None, "plcc": None, "reason": reason}

    @given(
        st.lists(st.tuples(st.floats(1, 5), st.floats(0, 100)), min_size=3, max_size=30),
        st.randoms(use_true_random=False),
    )
    def test_they_are_in_range_and_independent_of_the_order(
        self, pairs: list[tuple[float, float]], random: Any
    ) -> None:
        found = correlations(*zip(*pairs, strict=True))
        moved = correlations(*zip(*random.sample(pairs, len(pairs)), strict=True))
        for name in ("srcc", "plcc"):
            assert found[name] is None or abs(found[name]) <= 1 + 1e-12
        assume(found["srcc"] is not None)
        assert moved["srcc"] == pytest.approx(found["srcc"], abs=1e-9)


class TestMeasureScore:
    MOS = pd.Series(np.linspace(1, 5, 40))

    def test_a_spread_that_grows_with_the_error_correlates_with_it(self) -> None:
        rng = np.random.default_rng(1)
        error = 0.2 * rng.random(40) * rng.choice([-1, 1], 40)
        predictions = pd.DataFrame({"mean": self.MOS + error, "mean_spread": np.abs(error)})
        found = measure_score(predictions, self.MOS, "mean")
        assert found["spread_error"] > 0.8
        inverted = measure_score(
            predictions.assign(mean_spread=1 - np.abs(error)), self.MOS, "mean"
        )
        assert inverted["spread_error"] == pytest.approx(-found["spread_error"])

    def test_the_error_is_measured_on_the_mos_scale(self) -> None:
        """Some benchmarks have MOS from 0 to 100, while scores are in 1…5."""
        rng = np.random.default_rng(0)
        score = self.MOS + rng.normal(0, 0.3, 40)
        predictions = pd.DataFrame({"mean": score, "mean_spread": rng.random(40)})
        plain = measure_score(predictions, self.MOS, "mean")["spread_error"]
        assert measure_score(predictions, 20 * self.MOS, "mean")["spread_error"] == pytest.approx(
            plain
        )

    def test_null_scores_are_left_out(self) -> None:
        predictions = pd.DataFrame(
            {"mean": [1.0, None, 2.0, 3.0], "mean_spread": [0.1, None, None, 0.2]}
        )
        found = measure_score(predictions, self.MOS[:4], "mean")
        assert found["n_scored"] == 3
        assert found["spread_error"] is None  # two spreads are too few
