"""Two clips: the share of pairs of answers, equal to what a pair is everywhere else."""

from pathlib import Path
from unittest.mock import patch

import pytest

from vqathinker.policy.answer import Answer
from vqathinker.scoring.batch import compare, score_over_time
from vqathinker.scoring.loaded import LoadedPolicy

REAL = LoadedPolicy.ask


def saying(*answers: list[float | None]):
    """In turn, a policy draws these answers."""
    turns = iter(answers)

    def ask(self, clip, method=None, seed=0, name=None, beside=()):
        drawn = tuple(Answer(score, "ok" if score else "no_answer", False) for score in next(turns))
        return REAL(self, clip)._replace(samples=drawn)

    return patch.object(LoadedPolicy, "ask", ask)


@pytest.mark.parametrize(
    ("first", "second", "share", "told"),
    [
        ([3.0, 3.2], [1.0, 3.1], 0.75, "0.mp4 is better, in 75% of pairs of answers"),
        ([1.0, None], [3.0, 4.0], 0.0, "1.mp4 is better, in 100% of pairs of answers"),
        ([2.0, 2.0], [2.0, 2.00001], 0.5, "no difference that the policy can tell (50% of pairs"),
        ([None, None], [3.0, 4.0], None, "no comparison: the policy gave no score"),
    ],
)
def test_pairs_are_counted(
    policy: LoadedPolicy, videos: Path, first: list, second: list, share: float | None, told: str
) -> None:
    with saying(first, second):
        found = compare(policy, videos / "0.mp4", videos / "1.mp4")
    assert found.first_better == share
    assert told in str(found)


def test_a_clip_is_no_better_than_itself_and_turned_round_the_shares_make_one(
    policy: LoadedPolicy, videos: Path
) -> None:
    one, other = videos / "0.mp4", videos / "1.mp4"
    assert compare(policy, one, one).better is None
    there, back = compare(policy, one, other), compare(policy, other, one)
    assert there.first_better + back.first_better == pytest.approx(1)
    assert there.first == policy.score(one)
    assert compare(policy, one, other, method="mean").first == policy.score(one, "mean")


def test_parts_over_time_cover_the_clip_and_a_whole_one_is_the_clip_s_score(
    policy: LoadedPolicy, videos: Path
) -> None:
    parts = list(score_over_time(policy, videos / "0.mp4", window_s=0.5))
    assert [(part.start_s, part.end_s) for part in parts] == [(0.0, 0.5), (0.5, 1.0)]
    [whole] = score_over_time(policy, videos / "0.mp4")  # the training clips had 2 s
    assert whole.result == policy.score(videos / "0.mp4")
