"""Which of two clips a policy takes for the better one, and how surely.

Both are scored, and both are asked about several times, with answers drawn as for the mean. Each
drawn answer about one is held against each about the other, as `evaluation.preference` counts a
pair: 1, 0, or one half for a tie.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vqathinker.evaluation.preference import outcomes
from vqathinker.scoring.loaded import LoadedPolicy
from vqathinker.scoring.names import shown_name
from vqathinker.scoring.result import ClipScore, Method

__all__ = ["Comparison", "compare"]

_TOSS_UP = 0.6  # share of pairs up to which none is called better


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two clips beside each other.

    Attributes:
        first, second: their scores.
        first_better: share of pairs of answers in which the first has the higher score, a tie
            counting half, 0..1; None where either has no score.
    """

    first: ClipScore
    second: ClipScore
    first_better: float | None

    @property
    def better(self) -> ClipScore | None:
        """The better one; None where answers differ too much to tell."""
        if self.first_better is None or 1 - _TOSS_UP <= self.first_better <= _TOSS_UP:
            return None
        return self.first if self.first_better > _TOSS_UP else self.second

    def __str__(self) -> str:
        if self.first_better is None:
            return "no comparison: the policy gave no score for one of them"
        share = max(self.first_better, 1 - self.first_better)
        if self.better is None:
            return f"no difference that the policy can tell ({share:.0%} of pairs of answers)"
        return f"{shown_name(self.better.file)} is better, in {share:.0%} of pairs of answers"


def compare(
    policy: LoadedPolicy, first: str | Path, second: str | Path, frames: int | None = None,
    seed: int = 0, method: Method | None = None,
) -> Comparison:  # fmt: skip
    """Ask about two clips; all else, and what is raised, as `LoadedPolicy.score` has it."""
    (one, ours), (other, theirs) = (
        _drawn(policy, clip, frames, seed, method) for clip in (first, second)
    )
    pairs = np.meshgrid(ours, theirs)
    return Comparison(one, other, float(outcomes(*pairs).mean()) if pairs[0].size else None)


def _drawn(
    policy: LoadedPolicy, clip: str | Path, frames: int | None, seed: int, method: Method | None
) -> tuple[ClipScore, list[float]]:
    """The clip's result, and the scores of the drawn answers."""
    sampled = policy.sample(clip, frames)
    told = policy.ask(sampled, method, seed, beside=["mean"])
    scores = [answer.score for answer in told.samples if answer.score is not None]
    return policy.result_of(sampled, told, method), scores
