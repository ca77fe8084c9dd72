"""Many clips, one after the other: what goes wrong with one stays with it, and a kill costs one.

Beside the file of results lies a journal of those that are there (`evaluation.journal`) until all
are; the same command then goes on behind the last of them and ends in the same bytes.
"""

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vqathinker.acquisition.errors import TransferError
from vqathinker.evaluation.journal import PredictionJournal
from vqathinker.phases.results_version import RESULTS_VERSION
from vqathinker.scoring.brought import at_hand
from vqathinker.scoring.clips import is_address
from vqathinker.scoring.loaded import LoadedPolicy, failed
from vqathinker.scoring.names import shown_name
from vqathinker.scoring.result import ClipScore, Method
from vqathinker.video.disturbance import DisturbedJobError

__all__ = ["ClipsFailedError", "journal_of", "score_clips"]


class ClipsFailedError(Exception):
    """Some clips could not be read; the others have their scores."""

    def __init__(self, failed: Sequence[ClipScore], of: int) -> None:
        first = shown_name(f"{failed[0].file}: {failed[0].failure}")
        if of > 1:
            first = f"{len(failed)} of {of} clips could not be scored, the first is {first}"
        super().__init__(f"{first}; look at the file, or leave it out")


def journal_of(
    out: Path, policy: LoadedPolicy, method: Method, frames: int | None, seed: int
) -> PredictionJournal:
    """The results that an earlier try at the file `out` left, and those to come."""
    key = {"policy": policy.digest, "method": method, "frames": frames, "seed": seed}
    return PredictionJournal(out, {**key, "results_version": RESULTS_VERSION["predict"]})


def score_clips(
    policy: LoadedPolicy, clips: Sequence[str], method: Method, frames: int | None = None,
    seed: int = 0, journal: PredictionJournal | None = None,
) -> Iterator[ClipScore]:  # fmt: skip
    """The score of each clip, in order; `failure` says why one has none.

    Args:
        policy: asked about them.
        clips: files and addresses.
        method, frames, seed: as `LoadedPolicy.score` has them.
        journal: of `journal_of`; what it holds is not asked about again.
    """
    batches = journal.batches if journal else []
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
