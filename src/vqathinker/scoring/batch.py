"""Score many clips, compare two, and score the parts of a long one.

A clip that cannot be scored does not stop the others. Results are kept in a journal next to the
output file until all are there; after a kill the same command resumes and writes the same bytes.
"""

import dataclasses
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from vqathinker.acquisition.download import DownloadContext, download
from vqathinker.acquisition.errors import OriginError, RetryPolicy, TransferError
from vqathinker.acquisition.partial import ExpectedFile
from vqathinker.acquisition.web import Address, WebFile
from vqathinker.evaluation.pairs import share_of_wins
from vqathinker.journal import Journal, open_journal
from vqathinker.phases.results_version import RESULTS_VERSION
from vqathinker.scoring.clips import is_address, shown_name
from vqathinker.scoring.loaded import LoadedPolicy, failed
from vqathinker.scoring.results import ClipScore, Method, PartScore
from vqathinker.scoring.sample import sample_windows
from vqathinker.video.damage import JobError

# Shorter waits than for data sets: somebody sits before the screen.
_POLICY: Final = RetryPolicy(attempts=3, max_retry_after_s=30.0)
_TOSS_UP = 0.6  # share of pairs up to which neither clip is called better
_USUAL_S = 8.0  # length of clips in the sets that the paper trains on


def journal_of(
    out: Path, policy: LoadedPolicy, method: Method, frames: int | None, seed: int
) -> AbstractContextManager[Journal]:
    """The journal of the file `out`, with the results of an interrupted run."""
    key = {"policy": policy.digest, "method": method, "frames": frames, "seed": seed}
    return open_journal(out, {**key, "results_version": RESULTS_VERSION["predict"]})


def score_clips(
    policy: LoadedPolicy, clips: Sequence[str], method: Method, frames: int | None = None,
    seed: int = 0, journal: Journal | None = None,
) -> Iterator[ClipScore]:  # fmt: skip
    """The score of each clip, in order; `failure` says why one has none.

    Args:
        policy: the policy to ask.
        clips: files and addresses.
        method, frames, seed: as in `LoadedPolicy.score`.
        journal: of `journal_of`; clips in it are not asked about again.
    """
    batches = journal.entries if journal else []
    known = {row["stamp"]: row["result"] for batch in batches for row in batch}
    for clip in clips:
        stamp = _stamp(clip)
        if stamp in known:
            row = known[stamp]
            yield ClipScore(**{**row, "warnings": tuple(row["warnings"])})
            continue
        result = _score(policy, clip, method, frames, seed)
        if journal is not None and result.failure is None:
            journal.add([{"stamp": stamp, "result": dataclasses.asdict(result)}])
        yield result


def _score(
    policy: LoadedPolicy, clip: str, method: Method, frames: int | None, seed: int
) -> ClipScore:
    try:
        with local_copy(clip) as path:
            [result] = policy.score_many([path], method, frames, seed)
    except TransferError as error:
        return failed(clip, method, "missing", " ".join(str(error).split()))
    except (JobError, OSError) as error:
        return failed(clip, method, "disturbed", str(error))
    return dataclasses.replace(result, file=clip)


def _stamp(clip: str) -> str:
    """Name, size and time of a file: if one changes, the clip is scored again."""
    if is_address(clip) or not os.path.isfile(clip):  # noqa: PTH113  also where a name is too long
        return clip
    facts = Path(clip).stat()
    return f"{clip} {facts.st_size} {facts.st_mtime_ns}"


@contextmanager
def local_copy(clip: str) -> Iterator[Path]:
    """The path of a clip; one on the web is downloaded, and removed afterwards.

    Raises:
        TransferError: the download failed, or the address holds a password.
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
    """Which of two clips is better.

    Attributes:
        first, second: their scores.
        first_better: share of pairs of drawn answers in which the first has the higher score, a
            tie counting half, 0..1; None if either has no score.
    """

    first: ClipScore
    second: ClipScore
    first_better: float | None

    @property
    def better(self) -> ClipScore | None:
        """The better one; None if answers differ too much to tell."""
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
    policy: LoadedPolicy, first: str, second: str, method: Method | None = None,
    frames: int | None = None, seed: int = 0,
) -> Comparison:  # fmt: skip
    """Compare every drawn answer for one clip with every one for the other.

    Arguments and errors are those of `LoadedPolicy.score`, for files and addresses.
    """

    def ask(clip: str) -> tuple[ClipScore, list[float]]:
        with local_copy(clip) as path:
            sampled = policy.sample(path, frames)
        answers = policy.ask(sampled, method, seed, beside=["mean"])
        drawn = [answer.score for answer in answers.samples if answer.score is not None]
        return dataclasses.replace(policy.result_of(sampled, answers, method), file=clip), drawn

    (one, ours), (other, theirs) = ask(first), ask(second)
    return Comparison(one, other, share_of_wins(ours, theirs) if ours and theirs else None)


def score_over_time(
    policy: LoadedPolicy, clip: Path, method: Method | None = None, frames: int | None = None,
    seed: int = 0, window_s: float | None = None,
) -> Iterator[PartScore]:  # fmt: skip
    """The score of each part of a clip, in order.

    Args:
        policy: the policy to ask.
        clip: a video file.
        method, frames, seed: as in `LoadedPolicy.score`, with the same errors.
        window_s: approximate length of a part; None: that of the longest training clip, or 8 s.
    """
    trained = policy.trained_on.duration_s
    length = window_s or (trained[1] if trained else _USUAL_S)
    for start, end, part in sample_windows(clip, policy.shape(frames), length):
        yield PartScore(start, end, policy.score_sampled(part, method, seed))
