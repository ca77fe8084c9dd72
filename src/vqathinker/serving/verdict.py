"""What becomes of one uploaded clip: a score, or a sentence that says why there is none."""

import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vqathinker.errors import InputError
from vqathinker.params import ScoreKind
from vqathinker.scoring.result import ClipScore
from vqathinker.serving.uploads import UploadFolder
from vqathinker.video.bounds import ClipBounds
from vqathinker.video.damage import DamagedVideo
from vqathinker.video.disturbance import DisturbedJobError
from vqathinker.video.limits import Limits, WorkerStartError
from vqathinker.video.probe import probe_all

if TYPE_CHECKING:
    from vqathinker.scoring.loaded import LoadedPolicy
    from vqathinker.scoring.sample import SampledClip

__all__ = ["Verdict", "judge"]

_LIMITS: Final = Limits(timeout_s=30, memory_mb=2000)
_GONE = "the server has no such upload, or no more: drop the clip again"
_OURS = "something is wrong with the server, not with the clip: its log says what"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of a clip.

    Attributes:
        name: of the clip, as its sender has it.
        sampled: what the policy looked at; None where the clip was refused.
        told: what the policy says; None where the clip was refused.
        answers: the drawn ones that `told.score` is the mean of; none for other methods.
        scale: least and greatest score, as `LoadedPolicy.scale` has it.
        refusal: why it was refused, a sentence; None where it was not.
    """

    name: str
    sampled: "SampledClip | None" = None
    told: ClipScore | None = None
    answers: tuple[float, ...] = ()
    refusal: str | None = None
    scale: tuple[float, float] | None = None


def judge(
    policy: "LoadedPolicy",
    upload: Path,
    uploads: UploadFolder,
    bounds: ClipBounds,
    method: ScoreKind | None = None,
) -> Verdict:
    """Score an upload, which is gone afterwards; whatever happens becomes a verdict.

    `method` None is the policy's own.
    """
    name = upload.name
    try:
        with uploads.taken(upload) as own:
            bounds.require_file(own)
            [facts] = probe_all([own], _LIMITS)
            if isinstance(facts, DamagedVideo | FileNotFoundError):
                raise facts
            bounds.require_shown(facts)
            sampled = policy.sample(own, limits=_LIMITS)
        told = policy.ask(sampled, method)
        answers = tuple(each.score for each in told.samples if each.score is not None)
        result = policy.result_of(sampled, told, method)
        return Verdict(name, sampled, result, answers, scale=policy.scale)
    except DamagedVideo as damage:
        return Verdict(name, refusal=damage.reason)
    except InputError as error:
        return Verdict(name, refusal=str(error))
    except FileNotFoundError:
        return Verdict(name, refusal=_GONE)
    except (DisturbedJobError, WorkerStartError, OSError, RuntimeError, MemoryError):
        traceback.print_exc(file=sys.stderr)
        return Verdict(name, refusal=_OURS)
