"""What the columns of a history mean, on numbers that can be checked by hand."""

from collections import Counter

import numpy as np
import pytest

from vqathinker.training.measures import has_answer, has_spread, measure
from vqathinker.training.rewards import RewardTable

NAN = float("nan")


def table(
    scores: list[list[float]], total: list[list[float]], perturbed: Counter | None = None
) -> RewardTable:
    failed = int(np.isnan(scores).sum())
    statuses = Counter({"ok": np.size(scores) - failed, "no_answer": failed})
    return RewardTable({}, np.array(total), np.array(scores), statuses, perturbed or Counter())


def test_spread_is_that_within_groups() -> None:
    found = measure(table([[1, 3], [2, 2]], [[0, 2], [5, 5]]), [1.0, 2.0])
    assert found["spread/reward"] == pytest.approx(np.sqrt(2) / 2)
    assert found["spread/score"] == pytest.approx(np.sqrt(2) / 2)


def test_failures_are_shares_and_no_scores() -> None:
    perturbed = Counter({"ok": 1, "cut_off": 2, "no_answer": 1})
    found = measure(table([[1, NAN], [2, 4]], [[0, 1], [0, 1]], perturbed), [2.0, 2.0])
    assert found["failures/no_answer"] == 0.25
    assert found["failures/cut_off"] == 0
    assert found["failures_perturbed"] == 0.75
    assert found["spread/score"] == pytest.approx(np.sqrt(2))  # of the second group alone
    assert found["score_error"] == pytest.approx((-1 + 0 + 2) / 3)


def test_correlation_is_of_the_groups_means_with_their_mos() -> None:
    scores = [[1.0, 2.0], [3.0, NAN], [NAN, NAN], [2.5, 2.5]]
    found = measure(table(scores, scores), [1.0, 3.0, 9.0, 2.0])
    assert found["srcc"] == pytest.approx(1.0)


def test_equal_means_of_groups_are_ties_whatever_they_are_means_of() -> None:
    scores = [[2.9, 3.3, 3.4], [3.2, 3.2, 3.2], [3.1, 3.1, 3.4], [0.5, 0.5, 0.5]]
    same_rank = [[3.2] * 3] * 3 + [[0.5] * 3]
    mos = [1.0, 2.0, 3.0, 0.0]
    found = [measure(table(said, said), mos)["srcc"] for said in (scores, same_rank)]
    assert found[0] == pytest.approx(found[1])


@pytest.mark.parametrize(
    ("scores", "mos"),
    [
        ([[2.9, 3.3, 3.4], [3.2, 3.2, 3.2], [3.1, 3.1, 3.4]], [1.0, 2.0, 3.0]),
        ([[2.0, 2.0]] * 3, [1.0, 2.0, 3.0]),
        ([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]], [2.0] * 3),
        ([[1.0, 1.0], [2.0, 2.0], [NAN, NAN]], [1.0, 2.0, 3.0]),
    ],
    ids=["equal means", "equal scores", "equal MOS", "two videos"],
)
def test_where_nothing_can_correlate_there_is_no_correlation(
    scores: list[list[float]], mos: list[float]
) -> None:
    assert "srcc" not in measure(table(scores, scores), mos)


def test_without_a_readable_answer_there_is_nothing_to_say_of_scores() -> None:
    found = measure(table([[NAN, NAN]], [[0, 1]]), [3.0])
    assert not {"spread/score", "score_error", "srcc", "failures_perturbed"} & set(found)
    assert found["failures/no_answer"] == 1


def test_one_group_with_spread_and_one_answer_are_enough() -> None:
    assert has_spread(np.array([[1.0, 1.0], [0.0, 1.0]]))
    assert not has_spread(np.array([[1.0, 1.0], [0.0, 0.0]]))
    assert has_answer(np.array([[NAN, NAN], [NAN, 2.0]]))
    assert not has_answer(np.array([[NAN, NAN]]))
