"""Two clips, and the parts of one."""

from pathlib import Path
from unittest.mock import patch

import pytest

from vqathinker.policy.answer import Answer
from vqathinker.scoring.batch import compare
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
    ("first", "second", "share", "better"),
    [
        ([3.0, 3.2], [1.0, 3.1], 0.75, "0.mp4"),
        ([1.0, None], [3.0, 4.0], 0.0, "1.mp4"),
        ([2.0, 2.0], [2.0, 2.00001], 0.5, None),
        ([None, None], [3.0, 4.0], None, None),
    ],
)
def test_pairs_are_counted(
    policy: LoadedPolicy,
    videos: Path,
    first: list,
    second: list,
    share: float | None,
    better: str | None,
) -> None:
    with saying(first, second):
        found = compare(policy, str(videos / "0.mp4"), str(videos / "1.mp4"))
    assert found.first_better == share
    assert (found.better and Path(found.better.file).name) == better
    assert (better or "no ") in str(found)


def test_comparison_is_antisymmetric(policy: LoadedPolicy, videos: Path) -> None:
    one, other = str(videos / "0.mp4"), str(videos / "1.mp4")
    assert compare(policy, one, one).better is None
    there, back = compare(policy, one, other), compare(policy, other, one)
    assert there.first_better + back.first_better == pytest.approx(1)
    assert there.first == policy.score(one)
    assert compare(policy, one, other, method="mean").first == policy.score(one, "mean")
