"""Score many clips, compare two, and score the parts of a long one.

A clip that cannot be scored does not stop the others. Until all clips are done, results are kept in
a journal next to the output file, so that the same command resumes an interrupted run.
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
from vqathinker.choices import ScoreKind
from vqathinker.evaluation.pairs import share_of_wins
from vqathinker.journal import Journal, open_journal
from vqathinker.phases.results_version import RESULTS_VERSION
from vqathinker.scoring.clips import is_address, printable
from vqathinker.scoring.loaded_policy import LoadedPolicy
from vqathinker.scoring.results import ClipScore, PartScore
from vqathinker.scoring.sample import sample_parts
from vqathinker.video.damage import JobError

# Shorter waits than for data sets, because somebody is waiting for the score.
_RETRIES: Final = RetryPolicy(attempts=3, max_retry_after_s=30.0)
_MIN_WINS = 0.6  # a clip is called better if it wins more than this share of pairs
_DEFAULT_WINDOW_S = 8.0  # usual length of clips in the data sets that the paper trains on


def open_score_journal(
    output: Path, policy: LoadedPolicy, method: ScoreKind, frames: int | None, seed: int
) -> AbstractContextManager[Journal]:
    """Open the journal of an output file, with the results of an interrupted run."""
    key = {"policy": policy.provenance["policy"], "method": method, "frames": frames, "seed": seed}
    return open_journal(output, {**key, "results_version": RESULTS_VERSION["predict"]})


def score_clips(
    policy: LoadedPolicy, clips: Sequence[str], method: ScoreKind, frames: int | None = None,
    seed: int = 0, journal: Journal | None = None,
) -> Iterator[ClipScore]:  # fmt: skip
    """Score clips in order; `failure` says why a clip has no score.

    Args:
        policy: the policy that scores the clips.
        clips: files and addresses.
        method, frames, seed: as in `LoadedPolicy.score`.
        journal: from `open_score_journal`; clips in it are not scored again.
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
    policy: LoadedPolicy, clip: str, method: ScoreKind, frames: int | None, seed: int
) -> ClipScore:
    try:
        with local_copy(clip) as path:
            [result] = policy.score_many([path], method, frames, seed)
            return dataclasses.replace(result, file=clip)
    except TransferError as error:
        status, reason = "missing", " ".join(str(error).split())
    except (JobError, OSError) as error:
        status, reason = "disturbed", str(error)
    return ClipScore(file=clip, answer_status=status, method=method, failure=reason)


def _stamp(clip: str) -> str:
    """Name, size and modification time of a file; if one changes, the clip is scored again."""
    if is_address(clip) or not os.path.isfile(clip):  # noqa: PTH113  also where a name is too long
        return clip
    facts = Path(clip).stat()
    return f"{clip} {facts.st_size} {facts.st_mtime_ns}"


@contextmanager
def local_copy(clip: str) -> Iterator[Path]:
    """The path of a clip; a clip on the web is downloaded, and deleted afterwards.

    Raises:
        TransferError: the download failed, or the address contains a password.
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
        context = DownloadContext(_RETRIES)
        yield download(expected, [WebFile(address)], Path(folder, name), context).path


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of comparing two clips.

    Attributes:
        first, second: the scores of the clips.
        first_better: share of pairs of sampled answers in which the first clip has the higher
            score, 0..1, where ties count half; None if either clip has no score.
    """

    first: ClipScore
    second: ClipScore
    first_better: float | None

    @property
    def better(self) -> ClipScore | None:
        """The better clip; None if the answers differ too much to tell."""
        if self.first_better is None or 1 - _MIN_WINS <= self.first_better <= _MIN_WINS:
            return None
        return self.first if self.first_better > _MIN_WINS else self.second

    def __str__(self) -> str:
        if self.first_better is None:
            return "no comparison: at least one of the clips has no score"
        share = max(self.first_better, 1 - self.first_better)
        if self.better is None:
            return f"no clear difference ({share:.0%} of pairs of answers)"
        return f"{printable(self.better.file)} is better, in {share:.0%} of pairs of answers"


def compare(
    policy: LoadedPolicy, first: str, second: str, method: ScoreKind | None = None,
    frames: int | None = None, seed: int = 0,
) -> Comparison:  # fmt: skip
    """Compare every sampled answer for one clip with every one for the other.

    Arguments and errors are those of `LoadedPolicy.score`, for files and addresses.
    """

    def sample_answers(clip: str) -> tuple[ClipScore, list[float]]:
        with local_copy(clip) as path:
            sampled = policy.sample(path, frames)
        answers = policy.ask(sampled, method, seed, extra_scores=["mean"])
        scores = [answer.score for answer in answers.samples if answer.score is not None]
        return dataclasses.replace(policy.to_result(sampled, answers, method), file=clip), scores

    one, scores = sample_answers(first)
    other, other_scores = sample_answers(second)
    share = share_of_wins(scores, other_scores) if scores and other_scores else None
    return Comparison(one, other, share)


def score_over_time(
    policy: LoadedPolicy, clip: Path, method: ScoreKind | None = None, frames: int | None = None,
    seed: int = 0, window_s: float | None = None,
) -> Iterator[PartScore]:  # fmt: skip
    """Score each part of a clip, in order.

    Args:
        policy: the policy that scores the parts.
        clip: a video file.
        method, frames, seed: as in `LoadedPolicy.score`, with the same errors.
        window_s: approximate length of a part; None selects the length of the longest training
            clip, or 8 s if that is unknown.
    """
    trained = policy.trained_on.duration_s
    length = window_s or (trained[1] if trained else _DEFAULT_WINDOW_S)
    for start, end, part in sample_parts(clip, policy.setting_for(frames), length):
        yield PartScore(start, end, policy.score_sampled(part, method, seed))
