"""Sample frames of a clip in a separate process, so that a broken file cannot crash this one."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
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
    from vqathinker.video.views import SampledFrames

# Imported once, before workers are forked.
WORKER_MODULES: Final = ("vqathinker.scoring.sample", "torch", "vqathinker.video.decode")
LIMITS: Final = Limits(timeout_s=120, memory_mb=2000)  # as in `clips` of params.yaml
_PARTS_PER_WORKER: Final = 8  # bounds the memory that frames take
# A gap between two frames that is longer than this many mean gaps is a held picture.
_MAX_GAP: Final = 2.0
_STILL_PICTURE: Final = "the picture stands still: this part shows one frame only"
_HDR_TRANSFERS: Final = {16, 18}  # PQ and HLG in ITU-T H.273
Pixels = NDArray[np.uint8]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SampledClip:
    """The frames of a clip that a policy sees.

    Attributes:
        file: file name of the clip, as you passed it.
        pixels: uint8 [frames, size, width, 3], RGB 0..255, upright, in the view of the setting.
        indices: positions of these frames in the clip.
        seconds: time of each frame after the first frame of the clip.
        fps: frames per second of the clip.
        facts: properties of the file; None if the frames were passed in memory.
        hdr: whether the file is encoded for high dynamic range (PQ or HLG).
        statistics: float32 [frames, 66], those of the native frames in view tiles; else None.
    """

    file: str
    pixels: Pixels
    indices: tuple[int, ...]
    seconds: tuple[float, ...] = ()
    fps: float | None = None
    facts: Probe | None = None
    hdr: bool = False
    statistics: NDArray[np.float32] | None = None


def sample_clip(file: Path, setting: ClipSetting, limits: Limits = LIMITS) -> SampledClip:
    """Probe a clip and decode the frames of a setting, in a separate process.

    Raises:
        FileNotFoundError: there is no such file.
        DamagedVideo: the clip cannot be read, or exceeds `limits`.
        JobError: the system failed to read the file.
    """
    facts, hdr, clip = _in_worker(limits, _sample, str(file), setting)
    return _to_clip(file, clip.indices, clip, facts, hdr)


def sample_parts(
    file: Path, setting: ClipSetting, window_s: float, limits: Limits = LIMITS
) -> Iterator[tuple[float, float, SampledClip]]:
    """Split a clip into parts, and sample frames of each.

    The parts cover the clip and are yielded in order. If a picture is held, the frames of a part
    are those on screen at evenly spaced times: a part in which no frame starts shows the last one
    before it, and its `facts.note` says so.

    Args:
        file: a video file.
        setting: number and size of the frames of each part.
        window_s: approximate length of a part; all parts have the same length.
        limits: limits of finding the parts, and of decoding a few of them.

    Yields:
        Start and end of each part in seconds, and its frames.

    Raises:
        The same errors as `sample_clip`.
    """
    facts, hdr, parts = _in_worker(limits, _find_parts, str(file), setting.frames, window_s)
    for first in range(0, len(parts), _PARTS_PER_WORKER):
        group = parts[first : first + _PARTS_PER_WORKER]
        read = _in_worker(limits, _read, str(file), setting, [indices for _, _, indices in group])
        for (start, end, indices), seen in zip(group, read, strict=True):
            part = _facts_of_part(facts, start, end, indices)
            yield start, end, _to_clip(file, indices, seen, part, hdr)


def _to_clip(
    file: Path, indices: Sequence[int], seen: "SampledFrames", facts: Probe, hdr: bool
) -> SampledClip:
    pixels = np.ascontiguousarray(seen.frames.transpose(0, 2, 3, 1))
    return SampledClip(
        str(file), pixels, tuple(indices), tuple(seen.seconds), facts.fps, facts, hdr,
        seen.statistics,
    )  # fmt: skip


def _in_worker(limits: Limits, function: Callable[..., T], *args: Any) -> T:
    preload_modules(*WORKER_MODULES)
    [(_, outcome)] = run_in_workers(function, [args], limits)
    if isinstance(outcome, DamagedVideo | FileNotFoundError):
        raise outcome
    return outcome


def _facts_of_part(facts: Probe, start: float, end: float, indices: Sequence[int]) -> Probe:
    still = len(set(indices)) == 1 < facts.frames
    notes = [*filter(None, [facts.note]), *([_STILL_PICTURE] if still else [])]
    return replace(facts, duration_s=round(end - start, 6), note="; ".join(notes))


def _find_parts(
    file: str, frames: int, window_s: float
) -> tuple[Probe, bool, list[tuple[float, float, list[int]]]]:
    """In the worker: facts, whether the file is HDR, and each part with its frame indices."""
    path = Path(file)
    facts, hdr = _probe_with_hdr(path)
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
    """Indices of the frames that represent a part of a clip.

    Args:
        seconds: time at which each frame of the clip is first shown, ascending from 0.
        start, end: limits of the part, in seconds.
        frames: number of indices to return.
    """
    first, stop = bisect_left(seconds, start), bisect_left(seconds, end)
    gaps = [after - before for before, after in pairwise([start, *seconds[first:stop], end])]
    if first < stop and max(gaps) <= _MAX_GAP * (end - start) / (stop - first):
        return [first + index for index in frame_indices(stop - first, frames)]
    instants = (start + (number + 0.5) * (end - start) / frames for number in range(frames))
    return [bisect_right(seconds, instant) - 1 for instant in instants]


def _read(file: str, setting: ClipSetting, parts: list[list[int]]) -> "list[SampledFrames]":
    """In the worker: the frames of each part."""
    import torch  # noqa: PLC0415  not needed outside the worker

    from vqathinker.video.views import sample_frames  # noqa: PLC0415

    torch.set_num_threads(1)
    path = Path(file)
    with require_stable_file(path), PyavReader(path) as reader:
        return [sample_frames(reader, indices, setting) for indices in parts]


def _sample(file: str, setting: ClipSetting) -> "tuple[Probe, bool, Clip]":
    """In the worker: facts, whether the file is HDR, and the frames."""
    import torch  # noqa: PLC0415  not needed outside the worker

    from vqathinker.video.decode import decode_clip  # noqa: PLC0415

    torch.set_num_threads(1)
    path = Path(file)
    facts, hdr = _probe_with_hdr(path)
    with require_stable_file(path):
        clip = decode_clip(path, setting, facts.frames, "pyav")
    return facts, hdr, clip


def _probe_with_hdr(path: Path) -> tuple[Probe, bool]:
    """In the worker: facts, and whether the file is HDR."""
    facts = probe(path)
    with require_stable_file(path), open_video(path) as (_, stream):
        return facts, stream.codec_context.color_trc in _HDR_TRANSFERS
