"""Score many clips, compare two, and score the parts of a long one.

A clip that cannot be scored does not stop the others. Results are kept in a journal next to the
output file until all are there; after a kill the same command resumes and writes the same bytes.

To compare two clips, each is scored and several answers are drawn for it, as for the mean. Every
answer for one clip is compared with every answer for the other, as `evaluation.preference` counts
a pair: 1, 0, or one half for a tie.
"""

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import numpy as np

from vqathinker.acquisition.download import DownloadContext, download
from vqathinker.acquisition.errors import OriginError, TransferError
from vqathinker.acquisition.partial import ExpectedFile
from vqathinker.acquisition.retry import RetryPolicy
from vqathinker.acquisition.web import Address, WebFile
from vqathinker.journal import Journal, open_journal
from vqathinker.phases.results_version import RESULTS_VERSION
from vqathinker.scoring.clips import is_address, shown_name
from vqathinker.scoring.loaded import LoadedPolicy, failed
from vqathinker.scoring.results import ClipScore, Method
from vqathinker.scoring.sample import LIMITS, sample_windows
from vqathinker.video.damage import DisturbedJobError
from vqathinker.video.workers import Limits

# Shorter waits than for data sets: somebody sits before the screen.
_POLICY: Final = RetryPolicy(attempts=3, longest_retry_after_s=30.0)
_TOSS_UP = 0.6  # share of pairs up to which none is called better
_USUAL_S = 8.0  # clips of the sets that the paper trains on


class ClipsFailedError(Exception):
    """Some clips could not be read; the others have their scores."""

    def __init__(self, failed: Sequence[ClipScore], of: int) -> None:
        first = shown_name(f"{failed[0].file}: {failed[0].failure}")
        if of > 1:
            first = f"{len(failed)} of {of} clips could not be scored, the first is {first}"
        super().__init__(f"{first}; look at the file, or leave it out")


def journal_of(
    out: Path, policy: LoadedPolicy, method: Method, frames: int | None, seed: int
) -> AbstractContextManager[Journal]:
    """The results that an earlier try at the file `out` left, and those to come."""
    key = {"policy": policy.digest, "method": method, "frames": frames, "seed": seed}
    return open_journal(out, {**key, "results_version": RESULTS_VERSION["predict"]})


def score_clips(
    policy: LoadedPolicy, clips: Sequence[str], method: Method, frames: int | None = None,
    seed: int = 0, journal: Journal | None = None,
) -> Iterator[ClipScore]:  # fmt: skip
    """The score of each clip, in order; `failure` says why one has none.

    Args:
        policy: asked about them.
        clips: files and addresses.
        method, frames, seed: as `LoadedPolicy.score` has them.
        journal: of `journal_of`; what it holds is not asked about again.
    """
    batches = journal.entries if journal else []
    known = {row["stamp"]: row["result"] for batch in batches for row in batch}
    for clip in clips:
        stamp = _stamp(clip)
        if stamp in known:
            yield _from_row(known[stamp])
            continue
        result = _score(policy, clip, method, frames, seed)
        if journal is not None and result.failure is None:
            journal.add([{"stamp": stamp, "result": dataclasses.asdict(result)}])
        yield result


def _score(
    policy: LoadedPolicy, clip: str, method: Method, frames: int | None, seed: int
) -> ClipScore:
    try:
        with at_hand(clip) as path:
            [result] = policy.score_many([path], method, frames, seed)
    except TransferError as error:
        return failed(clip, method, "missing", " ".join(str(error).split()))
    except (DisturbedJobError, OSError) as error:
        return failed(clip, method, "disturbed", str(error))
    return dataclasses.replace(result, file=clip)


def _stamp(clip: str) -> str:
    """The clip as it is now: another size or time is another clip."""
    path = Path(clip)
    if is_address(clip) or not os.path.isfile(clip):  # noqa: PTH113  also where a name is too long
        return clip
    facts = path.stat()
    return f"{clip} {facts.st_size} {facts.st_mtime_ns}"


def _from_row(row: Mapping[str, Any]) -> ClipScore:
    return ClipScore(**{**row, "warnings": tuple(row["warnings"])})


@contextmanager
def at_hand(clip: str) -> Iterator[Path]:
    """The path of a clip; one of the web is brought, and goes away again.

    Raises:
        TransferError: it cannot be had, or the address holds a password.
    """
    if not is_address(clip):
        yield Path(clip)
        return
    try:
        address = Address(clip)
    except ValueError as error:
        raise OriginError(str(error)) from None
    with TemporaryDirectory(prefix=f"vqathinker-{os.getpid()}-") as folder:
        name = f"clip{address.suffix}"
        expected = ExpectedFile(name, is_binary=True)
        context = DownloadContext(_POLICY)
        yield download(expected, [WebFile(address)], Path(folder, name), context).path


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
    from vqathinker.evaluation.preference import outcomes  # noqa: PLC0415  with pandas, an extra

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
