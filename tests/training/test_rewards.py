"""Rewards.

Golden values: `rewards.json`, computed with the authors' functions (clh124/VQAThinker at ee47a40)
in float32; the folder can be another one, named by VQATHINKER_GOLDENS.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqathinker.params import AnswerParams, RewardsParams
from vqathinker.policy.answer import Completion
from vqathinker.training.rewards import (
    RewardTable,
    compute_rewards,
    regression,
    temporal,
)

GOLDENS = Path(os.environ["VQATHINKER_GOLDENS"])
TOLERANCE = 1e-5
EPSILON = 1e-6


def golden_batches() -> list[dict[str, Any]]:
    batches: list[dict[str, Any]] = json.loads(
        (GOLDENS / "rewards.json").read_text(encoding="utf-8")
    )
    return batches


def params(**sections: Any) -> RewardsParams:
    authors: dict[str, dict[str, Any]] = {
        "regression": {"sigma": 0.5, "coarse_penalty": 0.8},
        "ranking": {"scope": "device", "epsilon": EPSILON},
        "temporal": {
            "rule": "batch",
            "perturbed_rollouts": None,
            "bonus": 0.3,
            "ranking_above": 0.5,
            "regression_above": 0.9,
        },
        "weights": {"regression": 1, "ranking": 1, "format": 1, "temporal": 1},
    }
    for name, values in sections.items():
        authors[name] |= values
    return RewardsParams.model_validate(authors)


AUTHORS = AnswerParams(parsing="authors", range=None)
STRICT = AnswerParams(parsing="strict", range=[0, 5])


def completions(*scores: float | str) -> list[Completion]:
    return [Completion(f"<think>hm</think><answer>{score}</answer>") for score in scores]


def test_rewards_are_the_authors() -> None:
    for batch in golden_batches():
        group = batch["num_generations"]
        texts = [Completion(text) for text in batch["completions"]]
        groups = [texts[start : start + group] for start in range(0, len(texts), group)]
        table = compute_rewards(groups, batch["mos"], None, params(), AUTHORS)
        for name, theirs in {"regression": "regression", "ranking": "rank"}.items():
            np.testing.assert_allclose(table.rewards[name].ravel(), batch[theirs], atol=TOLERANCE)
        assert table.rewards["format"].ravel().tolist() == batch["format"]
        expected = np.add(np.add(batch["regression"], batch["rank"]), batch["format"])
        np.testing.assert_allclose(table.total.ravel(), expected, atol=3 * TOLERANCE)


class TestRegression:
    @given(st.lists(st.floats(), min_size=1), st.floats(-1e3, 1e3))
    def test_regression_is_in_range(self, scores: list[float], mos: float) -> None:
        rewards = regression([scores], [mos])
        assert rewards.shape == (1, len(scores))
        assert ((rewards >= 0) & (rewards <= 1)).all()


class TestTemporal:
    RANKING = np.array([[0.9, 0.4], [0.6, 0.6]])  # mean 0.625
    REGRESSION = np.array([[0.95, 0.9], [0.2, 0.99]])  # mean 0.76
    LOWER = np.full((2, 2), 0.1)
    HIGHER = np.full((2, 2), 0.99)

    def test_rule_batch_tests_each_reward_by_itself(self) -> None:
        both = temporal(self.RANKING, self.REGRESSION, self.LOWER, self.LOWER)
        assert both[0].tolist() == [[0.3, 0.0], [0.3, 0.3]]
        assert both[1].tolist() == [[0.3, 0.0], [0.0, 0.3]]
        only = temporal(self.RANKING, self.REGRESSION, self.LOWER, self.HIGHER)
        assert only[0].any()
        assert not only[1].any()

    @pytest.mark.parametrize("rule", ["batch", "video", "batch_ranking_only"])
    @pytest.mark.parametrize(
        ("videos", "group", "copies"), [(32, 8, 1), (2, 4, 2), (1, 3, 1), (2, 8, 8), (1, 4, 3)]
    )
    def test_equal_means_pass_despite_rounding(
        self, rule: Any, videos: int, group: int, copies: int
    ) -> None:
        """The same rewards for raw and perturbed clips, or in another order."""
        rng = np.random.default_rng(0)
        for _ in range(200):
            raw = np.repeat(rng.random((videos, 1)), group, axis=1)
            alike = raw[:, :1].repeat(copies, axis=1)
            mixed = rng.random((videos, group))
            other = rng.permuted(mixed, axis=1)
            for one, changed in ((raw, alike), (mixed, other)):
                to_ranking, to_regression = temporal(
                    one, one, changed, changed, rule=rule, ranking_above=0, regression_above=0
                )
                assert (to_ranking > 0).all()
                assert (to_regression > 0).all() == (rule != "batch_ranking_only")

    def test_rule_video_tests_each_video_by_itself(self) -> None:
        changed = np.array([[0.1, 0.1], [0.9, 0.9]])
        to_ranking, to_regression = temporal(
            self.RANKING, self.REGRESSION, changed, changed, rule="video"
        )
        assert to_ranking.tolist() == [[0.3, 0.0], [0.0, 0.0]]
        assert to_regression.tolist() == [[0.3, 0.0], [0.0, 0.0]]

    def test_rule_batch_ranking_only_needs_both_tests(self) -> None:
        def earlier(ranked: np.ndarray, close: np.ndarray) -> list[list[list[float]]]:
            parts = temporal(
                self.RANKING, self.REGRESSION, ranked, close, rule="batch_ranking_only"
            )
            return [part.tolist() for part in parts]

        nothing = [[0.0, 0.0], [0.0, 0.0]]
        assert earlier(self.LOWER, self.LOWER) == [[[0.3, 0.0], [0.3, 0.3]], nothing]
        assert earlier(self.LOWER, self.HIGHER) == [nothing, nothing]
        assert earlier(self.HIGHER, self.LOWER) == [nothing, nothing]


class TestComputeRewards:
    GROUPS = (completions(4.01, 4.11), completions(2.01, 2.12))
    WORSE = (completions(1.01, 1.11), completions(4.01, 4.12))
    MOS = (4.0, 2.0)

    def score(self, *arguments: Any, **keywords: Any) -> RewardTable:
        return compute_rewards(self.GROUPS, self.MOS, *arguments, AUTHORS, **keywords)

    def test_worse_perturbed_rollouts_give_both_bonuses(self) -> None:
        table = self.score(self.WORSE, params())
        np.testing.assert_allclose(table.rewards["temporal"], 0.6)
        np.testing.assert_allclose(table.total, sum(table.rewards.values()))

    def test_weights_scale_the_sum_only(self) -> None:
        weights = {"regression": 0.0, "ranking": 2.0, "format": 0.5, "temporal": 0.0}
        table = self.score(self.WORSE, params(weights=weights))
        ranked, tags = table.rewards["ranking"], table.rewards["format"]
        np.testing.assert_allclose(table.total, 2 * ranked + 0.5 * tags)
        reported = self.score(None, params()).rewards["regression"]
        np.testing.assert_allclose(table.rewards["regression"], reported)

    def test_bonus_of_a_reward_without_weight_is_dropped(self) -> None:
        table = self.score(self.WORSE, params(weights={"regression": 0.0}))
        np.testing.assert_allclose(table.rewards["temporal"], 0.3)

    def test_failures_are_counted_and_get_the_format_reward_only(self) -> None:
        groups = [completions(4.01, "good"), [Completion("no idea"), *completions(2.12)]]
        table = compute_rewards(
            groups, self.MOS, [completions("4/5", 1), completions(1, 1)], params(), STRICT
        )
        assert table.statuses == {"ok": 2, "not_a_number": 1, "no_answer": 1}
        assert table.perturbed_statuses == {"ok": 3, "not_a_number": 1}
        assert np.isnan(table.scores).tolist() == [[False, True], [True, False]]
        assert table.total[0, 1] == 1.0
        assert table.total[1, 0] == 0.0

    def test_scope_device_compares_within_a_device(self) -> None:
        groups, mos = [*self.GROUPS, *self.WORSE], [*self.MOS, *self.MOS]
        table = compute_rewards(groups, mos, groups, params(), AUTHORS, device_batches=2)
        parts = [
            compute_rewards(groups[:2], mos[:2], groups[:2], params(), AUTHORS),
            compute_rewards(groups[2:], mos[2:], groups[2:], params(), AUTHORS),
        ]
        for name in table.rewards:
            expected = np.concatenate([part.rewards[name] for part in parts])
            np.testing.assert_allclose(table.rewards[name], expected)
        for name in ("total", "scores"):
            expected = np.concatenate([getattr(part, name) for part in parts])
            np.testing.assert_allclose(getattr(table, name), expected)

    def test_scope_global_ignores_devices(self) -> None:
        groups, mos = [*self.GROUPS, *self.WORSE], [*self.MOS, *self.MOS]
        everywhere = params(ranking={"scope": "global"})
        spread = compute_rewards(groups, mos, None, everywhere, AUTHORS, device_batches=2)
        one = compute_rewards(groups, mos, None, params(), AUTHORS, device_batches=1)
        np.testing.assert_allclose(spread.rewards["ranking"], one.rewards["ranking"])
