"""Sample the frames of a clip in a separate process, which a broken file cannot bring down."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from vqathinker.video.container import open_video
from vqathinker.video.damage import DamagedVideo, require_stable_file
from vqathinker.video.probe import Probe, probe
from vqathinker.video.readers import PyavReader
from vqathinker.video.sampling import ClipSetting, frame_indices
from vqathinker.video.workers import Limits, preload_modules, run_in_workers

if TYPE_CHECKING:
    from vqathinker.video.decode import Clip


# Imported once for all workers.
WORKER_MODULES: Final = ("vqathinker.scoring.sample", "torch", "vqathinker.video.decode")
LIMITS: Final = Limits(timeout_s=120, memory_mb=2000)  # as `clips` of params.yaml has them
_AT_ONCE: Final = 8  # parts that come out of a worker together
_EVEN: Final = 2.0  # times the mean distance of frames; a longer one means that a picture is held
_STILL: Final = "the picture stands still: one frame is on screen during this whole part"
_HDR: Final = {16, 18}  # transfer characteristics of ITU-T H.273: PQ and HLG
Pixels = NDArray[np.uint8]
T = TypeVar("T")


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
        JobError: the system does not give the file.
    """
    facts, hdr, clip = _in_worker(limits, _sample, str(file), setting)
    pixels = np.ascontiguousarray(clip.frames.transpose(0, 2, 3, 1))
    seconds = tuple(clip.seconds)
    return SampledClip(str(file), pixels, tuple(clip.indices), seconds, facts.fps, facts, hdr)


def sample_windows(
    file: Path, setting: ClipSetting, window_s: float, limits: Limits = LIMITS
) -> Iterator[tuple[float, float, SampledClip]]:
    """Begin and end in seconds of each part of a clip, and what a policy looks at of it.

    The parts cover the clip. They come one after the other; few are in memory. Where a picture is
    held, the frames of a part are those on screen at evenly spaced times, so that a part in which
    no frame begins shows the last one before it; its `facts.note` says so.

    Args:
        file: the clip.
        setting: frames x size, of each part.
        window_s: how long a part is to be; parts are equal, and about that long.
        limits: of finding the parts, and of decoding a few of them.

    Raises:
        As `sample_clip`.
    """
    facts, hdr, parts = _in_worker(limits, _find_parts, str(file), setting.frames, window_s)
    for first in range(0, len(parts), _AT_ONCE):
        group = parts[first : first + _AT_ONCE]
        read = _in_worker(limits, _read, str(file), setting, [indices for _, _, indices in group])
        for (start, end, indices), (frames, seconds) in zip(group, read, strict=True):
            pixels = np.ascontiguousarray(frames.transpose(0, 2, 3, 1))
            own = _facts_of_part(facts, start, end, indices)
            shown = tuple(indices), tuple(seconds)
            yield start, end, SampledClip(str(file), pixels, *shown, facts.fps, own, hdr)


def _in_worker(limits: Limits, function: Callable[..., T], *args: Any) -> T:
    preload_modules(*WORKER_MODULES)
    [(_, outcome)] = run_in_workers(function, [args], limits)
    if isinstance(outcome, DamagedVideo | FileNotFoundError):
        raise outcome
    return outcome


def _facts_of_part(facts: Probe, start: float, end: float, indices: Sequence[int]) -> Probe:
    still = len(set(indices)) == 1 < facts.frames
    notes = [*filter(None, [facts.note]), *([_STILL] if still else [])]
    return replace(facts, duration_s=round(end - start, 6), note="; ".join(notes))


def _find_parts(
    file: str, frames: int, window_s: float
) -> tuple[Probe, bool, list[tuple[float, float, list[int]]]]:
    """In the worker: facts, whether it is HDR, and each part with its frames."""
    path = Path(file)
    facts, hdr = _look_at(path)
    with require_stable_file(path), PyavReader(path) as reader:
        seconds, total = reader.timeline.seconds, reader.timeline.duration_s
    number = max(1, round(total / window_s))
    if number == 1:  # the whole clip, sampled as `sample_clip` does
        return facts, hdr, [(0.0, total, frame_indices(len(seconds), frames))]
    times = [total * part / number for part in range(number + 1)]
    parts = [(start, end, _on_screen(seconds, start, end, frames))
             for start, end in pairwise(times)]  # fmt: skip
    return facts, hdr, parts


def _on_screen(seconds: Sequence[float], start: float, end: float, frames: int) -> list[int]:
    """Indices of `frames` frames that stand for the part of a clip from `start` to `end`.

    Args:
        seconds: when each frame of the clip is first shown, ascending from 0.
        start, end: of the part, in seconds.
        frames: how many to take.
    """
    first, stop = bisect_left(seconds, start), bisect_left(seconds, end)
    gaps = [after - before for before, after in pairwise([start, *seconds[first:stop], end])]
    if first < stop and max(gaps) <= _EVEN * (end - start) / (stop - first):
        return [first + index for index in frame_indices(stop - first, frames)]
    instants = (start + (number + 0.5) * (end - start) / frames for number in range(frames))
    return [bisect_right(seconds, instant) - 1 for instant in instants]


def _read(
    file: str, setting: ClipSetting, parts: list[list[int]]
) -> list[tuple[Pixels, list[float]]]:
    """In the worker: frames (frames, 3, size, size) of some parts, and their seconds."""
    import torch  # noqa: PLC0415  callers do without

    from vqathinker.video.decode import resize  # noqa: PLC0415

    torch.set_num_threads(1)
    path, read = Path(file), []
    with require_stable_file(path), PyavReader(path) as reader:
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
    facts, hdr = _look_at(path)
    with require_stable_file(path):
        clip = decode_clip(path, setting, facts.frames, "pyav")
    return facts, hdr, clip


def _look_at(path: Path) -> tuple[Probe, bool]:
    """In the worker: facts, and whether it is HDR."""
    facts = probe(path)
    with require_stable_file(path), open_video(path) as (_, stream):
        return facts, stream.codec_context.color_trc in _HDR
