"""The six temporal perturbations, as index lists and blanking masks over a clip's T frames.

Source: docs/method.md, section 4; `apply_temporal_perturbation` of the authors' code at ee47a40,
whose distributions these follow. A perturbation is drawn for each rollout copy and applied to
frames that are stored already: nothing is decoded again and no pixel is stored twice.

Departure from the authors' code:
1. Every draw comes from a generator seeded by (seed, video id) instead of the global one, so it can
   be repeated and does not depend on the order of the videos.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import pandas as pd

from vqathinker.choices import PerturbationKind
from vqathinker.errors import InputError
from vqathinker.params import PerturbationParams

__all__ = [
    "KINDS",
    "Perturbation",
    "draw_each_kind",
    "draw_perturbation",
    "draw_perturbations",
]

KINDS: tuple[str, ...] = get_args(PerturbationKind)
_TRIES = 100  # of draws that leave a clip as it is; by chance one in thirty does at the most


@dataclass(frozen=True, slots=True)
class Perturbation:
    """What happens to the T frames of a clip.

    Attributes:
        kind: one of `KINDS`.
        indices: T indices in 0..T-1: frame t of the perturbed clip is frame indices[t] of the clip.
        blank: T flags: where true, frame t is zero after normalisation, that is the mean colour.
    """

    kind: str
    indices: tuple[int, ...]
    blank: tuple[bool, ...]


def draw_perturbation(
    num_frames: int,
    generator: np.random.Generator,
    kinds: Sequence[str],
    window: int,
    jitter: int,
    duplicate_max: int,
    drop_max: int,
) -> Perturbation:
    """Draw one perturbation of a clip of `num_frames` frames, its kind uniformly from `kinds`.

    Args:
        num_frames: T, at least 1.
        generator: source of every random number.
        kinds: some of `KINDS`.
        window: frames of a window that local_shuffle shuffles (paper: 4).
        jitter: largest offset of an index, either way (paper: 1).
        duplicate_max: most copies that duplicate puts in (paper: 3).
        drop_max: most frames that random_drop blanks (paper: 3).

    Short clips get fewer copies (T-1 at most, as the authors have it) and blanks (T at most).

    Raises:
        InputError: a kind that is none of `KINDS`, no kinds, or a number out of range.
    """
    if not kinds or not set(kinds) <= set(KINDS):
        raise InputError(f"perturbation kinds {list(kinds)!r}: choose from {', '.join(KINDS)}")
    if min(num_frames, window, duplicate_max, drop_max) < 1 or jitter < 0:
        raise InputError(
            f"frames {num_frames}, window {window}, duplicate_max {duplicate_max} and drop_max "
            f"{drop_max} must be at least 1, jitter {jitter} at least 0"
        )
    kind = kinds[int(generator.integers(len(kinds)))]
    indices, blanked = list(range(num_frames)), set[int]()
    match kind:
        case "shuffle":
            indices = _local_shuffle(num_frames, num_frames, generator)
        case "local_shuffle":
            indices = _local_shuffle(num_frames, window, generator)
        case "reverse":
            indices.reverse()
        case "jitter":
            indices = _jitter(num_frames, jitter, generator)
        case "duplicate":
            indices = _duplicate(num_frames, duplicate_max, generator)
        case "random_drop":
            blanked = set(_sample_frames(num_frames, min(drop_max, num_frames), generator))
        case _:  # otherwise a new kind would leave every clip as it is
            raise NotImplementedError(f"perturbation kind {kind!r} has no case in perturb")
    return Perturbation(kind, tuple(indices), tuple(t in blanked for t in range(num_frames)))


def _local_shuffle(frames: int, window: int, generator: np.random.Generator) -> list[int]:
    """Random order inside each window; the last window may be shorter."""
    indices: list[int] = []
    for start in range(0, frames, window):
        order = generator.permutation(min(window, frames - start))
        indices += [start + int(i) for i in order]
    return indices


def _jitter(frames: int, max_offset: int, generator: np.random.Generator) -> list[int]:
    """Each index moved by -max_offset..max_offset, clamped to the clip."""
    offsets = generator.integers(-max_offset, max_offset, size=frames, endpoint=True)
    return [int(i) for i in np.clip(np.arange(frames) + offsets, 0, frames - 1)]


def _duplicate(frames: int, max_copies: int, generator: np.random.Generator) -> list[int]:
    """Copies of one frame put in at one random place; as many of the other places left out."""
    copied = int(generator.integers(frames))
    position = int(generator.integers(frames, endpoint=True))
    left_out = _sample_frames(frames, max(1, min(max_copies, frames - 1)), generator)
    before = [i for i in range(position) if i not in left_out]
    after = [i for i in range(position, frames) if i not in left_out]
    return [*before, *[copied] * len(left_out), *after]


def _sample_frames(frames: int, max_count: int, generator: np.random.Generator) -> list[int]:
    """1..max_count different frames: their number uniform, and given it, which ones."""
    count = int(generator.integers(1, max_count, endpoint=True))
    return [int(i) for i in generator.permutation(frames)[:count]]


def draw_perturbations(
    video_ids: Iterable[str], frames: int, seed: int, params: PerturbationParams
) -> pd.DataFrame:
    """Draw `params.draws` perturbations for each video, one row each, draw 0 first.

    Each video has a generator of its own, seeded by (seed, video id): its rows do not depend on the
    other videos, and more draws leave the first ones as they were.

    Args:
        video_ids: ids of the training videos.
        frames: T of the clips.
        seed: 0 or more.
        params: `clips.perturbations` of params.yaml.

    Returns:
        Columns video, draw, kind, indices (T whole numbers) and blank (T flags).
    """
    rows = []
    for video in video_ids:
        generator = _video_generator(video, seed)
        for number in range(params.draws):
            drawn = draw_perturbation(
                frames,
                generator,
                params.kinds,
                params.window,
                params.jitter,
                params.duplicate_max,
                params.drop_max,
            )
            rows.append((video, number, drawn.kind, list(drawn.indices), list(drawn.blank)))
    return pd.DataFrame(rows, columns=["video", "draw", "kind", "indices", "blank"])


def draw_each_kind(
    video: str, frames: int, seed: int, params: PerturbationParams
) -> list[Perturbation]:
    """Draw one perturbation of each of `params.kinds`, in their order, that changes the clip.

    Some draws would leave every frame in its place; they are drawn again. (A clip of one frame
    stays as it is where its order alone is changed.) A draw depends on seed, video and kind alone.

    Args:
        video: its id.
        frames: T of the clip.
        seed: 0 or more.
        params: `clips.perturbations` of params.yaml.
    """
    return [_draw_change(frames, _video_generator(f"{kind}/{video}", seed), kind, params)
            for kind in params.kinds]  # fmt: skip


def _draw_change(
    frames: int, generator: np.random.Generator, kind: str, params: PerturbationParams
) -> Perturbation:
    for _ in range(_TRIES):
        drawn = draw_perturbation(
            frames,
            generator,
            [kind],
            params.window,
            params.jitter,
            params.duplicate_max,
            params.drop_max,
        )
        if drawn.indices != tuple(range(frames)) or any(drawn.blank):
            break
    return drawn


def _video_generator(video: str, seed: int) -> np.random.Generator:
    # A hash by name: Python's own differs from one process to the next.
    words = np.frombuffer(hashlib.sha256(video.encode()).digest(), dtype="<u4")
    return np.random.Generator(np.random.PCG64([seed, *(int(word) for word in words)]))
