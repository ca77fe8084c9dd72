"""The score of a long clip over time: of each of its parts by itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from vqathinker.scoring.loaded import LoadedPolicy
from vqathinker.scoring.result import ClipScore, Method
from vqathinker.scoring.sample import LIMITS, sample_windows
from vqathinker.video.limits import Limits

__all__ = ["PartScore", "score_over_time", "window_of"]

_USUAL_S = 8.0  # clips of the sets that the paper trains on


class PartScore(NamedTuple):
    """A part of a clip, from when to when, in seconds."""

    start_s: float
    end_s: float
    result: ClipScore


def window_of(policy: LoadedPolicy) -> float:
    """Seconds of a part: as long as the longest clip that the policy has learned from, or 8."""
    seen = policy.trained_on.duration_s
    return seen[1] if seen else _USUAL_S


def score_over_time(
    policy: LoadedPolicy, clip: str | Path, method: Method | None = None, frames: int | None = None,
    seed: int = 0, window_s: float | None = None, limits: Limits = LIMITS,
) -> Iterator[PartScore]:  # fmt: skip
    """The score of each part of a clip, in order.

    Args:
        policy: asked about them.
        clip: a video file.
        method, frames, seed: as `LoadedPolicy.score` has them, which raises alike.
        window_s: how long a part is to be, about; None: see `window_of`.
        limits: of decoding.
    """
    length = window_s or window_of(policy)
    for start, end, part in sample_windows(Path(clip), policy.shape(frames), length, limits):
        yield PartScore(start, end, policy.score_sampled(part, method, seed))
