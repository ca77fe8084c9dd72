"""Comparison of two clips by their sampled answers."""

from pathlib import Path
from unittest.mock import patch

import pytest

from vqathinker.policy.answer import Answer
from vqathinker.scoring.batch import compare
from vqathinker.scoring.loaded_policy import LoadedPolicy

ASK = LoadedPolicy.ask


@pytest.mark.parametrize(
    ("first", "second", "share", "better"),
    [
        ([3.0, 3.2], [1.0, 3.1], 0.75, "0.mp4"),
        ([1.0, None], [3.0, 4.0], 0.0, "1.mp4"),
        ([2.0, 2.0], [2.0, 2.00001], 0.5, None),
        ([None, None], [3.0, 4.0], None, None),
    ],
)
def test_the_share_of_pairs_decides_which_clip_is_better(
    policy: LoadedPolicy, videos: Path, first: list, second: list, share: float | None,
    better: str | None,
) -> None:  # fmt: skip
    answers = iter([first, second])

    def ask(self, clip, *args, **named):
        samples = [Answer(score, "ok" if score else "no_answer", False) for score in next(answers)]
        return ASK(self, clip)._replace(samples=tuple(samples))

    with patch.object(LoadedPolicy, "ask", ask):
        found = compare(policy, str(videos / "0.mp4"), str(videos / "1.mp4"))
    assert found.first_better == share
    assert (found.better and Path(found.better.file).name) == better
    assert (better or "no ") in str(found)


def test_comparison_is_antisymmetric(policy: LoadedPolicy, videos: Path) -> None:
    one, other = str(videos / "0.mp4"), str(videos / "1.mp4")
    assert compare(policy, one, one).better is None
    forward, backward = compare(policy, one, other), compare(policy, other, one)
    assert forward.first_better + backward.first_better == pytest.approx(1)
    assert forward.first == policy.score(one)
    assert compare(policy, one, other, method="mean").first == policy.score(one, "mean")
