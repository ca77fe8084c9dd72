"""The frames of a clip that a policy looks at, read in a process that no file can take along."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vqathinker.video.damage import DamagedVideo
from vqathinker.video.disturbance import undisturbed
from vqathinker.video.fork_server import preload_modules
from vqathinker.video.limits import Limits
from vqathinker.video.probe import Probe, probe
from vqathinker.video.sampling import ClipSetting
from vqathinker.video.workers import run_in_workers

__all__ = ["LIMITS", "SampledClip", "sample_clip"]

LIMITS: Final = Limits(timeout_s=120, memory_mb=2000)  # as `clips` of params.yaml has them

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class SampledClip:
    """What a policy sees of a clip.

    Attributes:
        file: the clip, as it was given.
        pixels: uint8 [frames, size, size, 3], RGB 0..255, upright; the aspect ratio is not kept.
        indices: of these frames in the clip.
        seconds: when each is shown, from the clip's first frame on.
        fps: of the clip, frames per second.
        facts: of the clip's file; None where frames came from memory.
    """

    file: str
    pixels: Pixels
    indices: tuple[int, ...]
    seconds: tuple[float, ...]
    fps: float | None
    facts: Probe | None


def sample_clip(file: Path, setting: ClipSetting, limits: Limits = LIMITS) -> SampledClip:
    """Probe a clip and decode the frames of a setting, in a process of its own.

    Raises:
        FileNotFoundError: nothing is there.
        DamagedVideo: it cannot be read, or takes more than `limits`.
        DisturbedJobError: the system does not give the file.
    """
    preload_modules("vqathinker.scoring.sample", "torch", "vqathinker.video.decode")
    [(_, outcome)] = run_in_workers(_sample, [(str(file), setting)], limits)
    if isinstance(outcome, DamagedVideo | FileNotFoundError):
        raise outcome
    facts, frames, indices, seconds = outcome
    return SampledClip(str(file), frames, tuple(indices), tuple(seconds), facts.fps, facts)


def _sample(file: str, setting: ClipSetting) -> tuple[Probe, Pixels, list[int], list[float]]:
    """In the worker: facts, frames uint8 (frames, size, size, 3), their indices and seconds."""
    import torch  # noqa: PLC0415  callers do without

    from vqathinker.video.decode import decode_clip  # noqa: PLC0415

    torch.set_num_threads(1)
    path = Path(file)
    facts = probe(path)
    with undisturbed(path):
        clip = decode_clip(path, setting, facts.frames, "pyav")
    return facts, _last(clip.frames), clip.indices, clip.seconds


def _last(frames: Any) -> Pixels:
    """(frames, 3, size, size) to (frames, size, size, 3)."""
    return np.ascontiguousarray(np.asarray(frames).transpose(0, 2, 3, 1))
