"""The frames of a clip that a policy looks at, read in a process that no file can take along."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from vqathinker.video.container import open_video
from vqathinker.video.damage import DamagedVideo
from vqathinker.video.disturbance import undisturbed
from vqathinker.video.fork_server import preload_modules
from vqathinker.video.limits import Limits
from vqathinker.video.probe import Probe, probe
from vqathinker.video.pyav_reader import PyavReader
from vqathinker.video.sampling import ClipSetting, frame_indices
from vqathinker.video.workers import run_in_workers

if TYPE_CHECKING:
    from vqathinker.video.decode import Clip

__all__ = ["LIMITS", "SampledClip", "sample_clip", "sample_windows"]

_AT_ONCE: Final = 8  # parts that come out of a worker together

LIMITS: Final = Limits(timeout_s=120, memory_mb=2000)  # as `clips` of params.yaml has them

_HDR: Final = {16, 18}  # transfer characteristics of ITU-T H.273: PQ and HLG

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
        hdr: whether its brightness is coded for high dynamic range (PQ or HLG).
    """

    file: str
    pixels: Pixels
    indices: tuple[int, ...]
    seconds: tuple[float, ...]
    fps: float | None
    facts: Probe | None
    hdr: bool = False


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
    facts, hdr, clip = outcome
    pixels = np.ascontiguousarray(clip.frames.transpose(0, 2, 3, 1))
    seconds = tuple(clip.seconds)
    return SampledClip(str(file), pixels, tuple(clip.indices), seconds, facts.fps, facts, hdr)


def sample_windows(
    file: Path, setting: ClipSetting, window_s: float, limits: Limits = LIMITS
) -> Iterator[tuple[float, float, SampledClip]]:
    """Begin and end in seconds of each part of a clip, and what a policy looks at of it.

    They come one after the other; few are in memory.

    Args:
        file: the clip.
        setting: frames x size, of each part.
        window_s: how long a part is to be; parts are equal, and about that long.
        limits: of finding the parts, and of decoding a few of them.

    Raises:
        As `sample_clip`.
    """
    preload_modules("vqathinker.scoring.sample", "torch", "vqathinker.video.decode")
    [(_, found)] = run_in_workers(_find_parts, [(str(file), setting.frames, window_s)], limits)
    if isinstance(found, DamagedVideo | FileNotFoundError):
        raise found
    facts, hdr, parts = found
    groups = [parts[first : first + _AT_ONCE] for first in range(0, len(parts), _AT_ONCE)]
    asked = [(str(file), setting, [indices for _, _, indices in group]) for group in groups]
    for number, outcome in run_in_workers(_read, asked, limits):
        if isinstance(outcome, DamagedVideo | FileNotFoundError):
            raise outcome
        for (start, end, indices), (frames, seconds) in zip(groups[number], outcome, strict=True):
            pixels = np.ascontiguousarray(frames.transpose(0, 2, 3, 1))
            own = replace(facts, duration_s=round(end - start, 6))
            shown = tuple(indices), tuple(seconds)
            yield start, end, SampledClip(str(file), pixels, *shown, facts.fps, own, hdr)


def _find_parts(
    file: str, frames: int, window_s: float
) -> tuple[Probe, bool, list[tuple[float, float, list[int]]]]:
    """In the worker: facts, whether it is HDR, and each part with its frames."""
    path = Path(file)
    facts = probe(path)
    with undisturbed(path):
        with open_video(path) as (_, stream):
            hdr = stream.codec_context.color_trc in _HDR
        with PyavReader(path) as reader:
            seconds, total = reader.timeline.seconds, reader.timeline.duration_s
    number = max(1, round(total / window_s))
    times = [total * part / number for part in range(number + 1)]
    cuts = [*(bisect_left(seconds, time) for time in times[:-1]), len(seconds)]
    return (
        facts,
        hdr,
        [
            (times[part], times[part + 1], [start + i for i in frame_indices(stop - start, frames)])
            for part, (start, stop) in enumerate(pairwise(cuts))
            if start < stop
        ],
    )


def _read(
    file: str, setting: ClipSetting, parts: list[list[int]]
) -> list[tuple[Pixels, list[float]]]:
    """In the worker: frames (frames, 3, size, size) of some parts, and their seconds."""
    import torch  # noqa: PLC0415  callers do without

    from vqathinker.video.decode import resize  # noqa: PLC0415

    torch.set_num_threads(1)
    path, read = Path(file), []
    with undisturbed(path), PyavReader(path) as reader:
        for indices in parts:
            frames, seconds = reader.read(indices, partial(resize, size=setting.size))
            read.append((np.stack(frames), seconds))
    return read


def _sample(file: str, setting: ClipSetting) -> "tuple[Probe, bool, Clip]":
    """In the worker: facts, whether it is HDR, and the frames."""
    import torch  # noqa: PLC0415  callers do without

    from vqathinker.video.decode import decode_clip  # noqa: PLC0415

    torch.set_num_threads(1)
    path = Path(file)
    facts = probe(path)
    with undisturbed(path):
        with open_video(path) as (_, stream):
            hdr = stream.codec_context.color_trc in _HDR
        clip = decode_clip(path, setting, facts.frames, "pyav")
    return facts, hdr, clip
