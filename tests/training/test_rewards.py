"""Claims about the rewards.

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
from vqathinker.policy.answer import Completion, read_answer
from vqathinker.training.rewards import (
    RewardTable,
    answer_format,
    compute_rewards,
    ranking,
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


def say(*scores: float | str) -> list[Completion]:
    return [Completion(f"<think>hm</think><answer>{score}</answer>") for score in scores]


class TestGoldens:
    def test_regression_ranking_and_format_are_the_authors(self) -> None:
        for batch in golden_batches():
            group = batch["num_generations"]
            texts = [Completion(text) for text in batch["completions"]]
            answers = [read_answer(text, AUTHORS) for text in texts]
            scores = np.reshape([answer.score for answer in answers], (-1, group))
            coarse = np.reshape([answer.coarse for answer in answers], (-1, group))
            close = regression(scores, batch["mos"], coarse, sigma=0.5, coarse_penalty=0.8)
            ranked = ranking(scores, batch["mos"], epsilon=EPSILON)
            np.testing.assert_allclose(close.ravel(), batch["regression"], atol=TOLERANCE)
            np.testing.assert_allclose(ranked.ravel(), batch["rank"], atol=TOLERANCE)
            assert answer_format([texts]).ravel().tolist() == batch["format"]

    def test_the_whole_scoring_gives_their_sum(self) -> None:
        for batch in golden_batches():
            group = batch["num_generations"]
            texts = [Completion(text) for text in batch["completions"]]
            groups = [texts[start : start + group] for start in range(0, len(texts), group)]
            table = compute_rewards(groups, batch["mos"], None, params(), AUTHORS)
            expected = np.add(np.add(batch["regression"], batch["rank"]), batch["format"])
            np.testing.assert_allclose(table.total.ravel(), expected, atol=3 * TOLERANCE)


class TestRegression:
    @given(st.lists(st.floats(), min_size=1), st.floats(-1e3, 1e3))
    def test_lies_between_zero_and_one(self, scores: list[float], mos: float) -> None:
        rewards = regression([scores], [mos])
        assert rewards.shape == (1, len(scores))
        assert ((rewards >= 0) & (rewards <= 1)).all()


class TestTemporal:
    RANKING = np.array([[0.9, 0.4], [0.6, 0.6]])  # mean 0.625
    REGRESSION = np.array([[0.95, 0.9], [0.2, 0.99]])  # mean 0.76
    LOWER = np.full((2, 2), 0.1)
    HIGHER = np.full((2, 2), 0.99)

    def test_by_batch_each_reward_is_tested_by_itself(self) -> None:
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
    def test_means_that_are_equal_but_for_rounding_pass(
        self, rule: Any, videos: int, group: int, copies: int
    ) -> None:
        """A policy that answers alike on raw and perturbed clips, or the same in another order."""
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

    def test_by_video_a_video_that_order_does_not_matter_for_gets_nothing(self) -> None:
        changed = np.array([[0.1, 0.1], [0.9, 0.9]])
        to_ranking, to_regression = temporal(
            self.RANKING, self.REGRESSION, changed, changed, rule="video"
        )
        assert to_ranking.tolist() == [[0.3, 0.0], [0.0, 0.0]]
        assert to_regression.tolist() == [[0.3, 0.0], [0.0, 0.0]]

    def test_the_earlier_rule_needs_both_tests_and_adds_to_ranking_only(self) -> None:
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
    GROUPS = (say(4.01, 4.11), say(2.01, 2.12))
    WORSE = (say(1.01, 1.11), say(4.01, 4.12))
    MOS = (4.0, 2.0)

    def score(self, *arguments: Any, **keywords: Any) -> RewardTable:
        return compute_rewards(self.GROUPS, self.MOS, *arguments, AUTHORS, **keywords)

    def test_with_worse_perturbed_rollouts_both_bonuses_are_added(self) -> None:
        table = self.score(self.WORSE, params())
        np.testing.assert_allclose(table.rewards["temporal"], 0.6)
        np.testing.assert_allclose(table.total, sum(table.rewards.values()))

    def test_weights_scale_what_is_summed_and_not_what_is_reported(self) -> None:
        weights = {"regression": 0.0, "ranking": 2.0, "format": 0.5, "temporal": 0.0}
        table = self.score(self.WORSE, params(weights=weights))
        ranked, tags = table.rewards["ranking"], table.rewards["format"]
        np.testing.assert_allclose(table.total, 2 * ranked + 0.5 * tags)
        reported = self.score(None, params()).rewards["regression"]
        np.testing.assert_allclose(table.rewards["regression"], reported)

    def test_a_reward_that_is_left_out_takes_its_bonus_along(self) -> None:
        table = self.score(self.WORSE, params(weights={"regression": 0.0}))
        np.testing.assert_allclose(table.rewards["temporal"], 0.3)

    def test_failures_are_counted_by_status_and_get_nothing_but_their_format(self) -> None:
        groups = [say(4.01, "good"), [Completion("no idea"), *say(2.12)]]
        table = compute_rewards(groups, self.MOS, [say("4/5", 1), say(1, 1)], params(), STRICT)
        assert table.statuses == {"ok": 2, "not_a_number": 1, "no_answer": 1}
        assert table.perturbed_statuses == {"ok": 3, "not_a_number": 1}
        assert np.isnan(table.scores).tolist() == [[False, True], [True, False]]
        assert table.total[0, 1] == 1.0
        assert table.total[1, 0] == 0.0

    def test_on_devices_only_videos_of_one_device_meet(self) -> None:
        groups, mos = [*self.GROUPS, *self.WORSE], [*self.MOS, *self.MOS]
        table = compute_rewards(groups, mos, groups, params(), AUTHORS, devices=2)
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

    def test_in_the_global_scope_devices_do_not_matter(self) -> None:
        groups, mos = [*self.GROUPS, *self.WORSE], [*self.MOS, *self.MOS]
        everywhere = params(ranking={"scope": "global"})
        spread = compute_rewards(groups, mos, None, everywhere, AUTHORS, devices=2)
        one = compute_rewards(groups, mos, None, params(), AUTHORS, devices=1)
        np.testing.assert_allclose(spread.rewards["ranking"], one.rewards["ranking"])
