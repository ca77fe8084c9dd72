"""The six temporal perturbations: index lists and blanking masks over the T frames of a clip.

Source: docs/method.md, section 4, and `apply_temporal_perturbation` of the authors' code at
ee47a40; the distributions are the same. Perturbations are applied to stored frames, so that no
video is decoded twice and no pixel stored twice.

Departure from the authors' code:
1. Draws come from a generator seeded with (seed, video id) instead of the global one. They are
   reproducible and do not depend on the order of the videos.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from vqathinker.atomic import whole_file
from vqathinker.choices import PerturbationKind
from vqathinker.errors import InputError, reading
from vqathinker.params import PerturbationParams
from vqathinker.products import PERTURBATIONS

KINDS: tuple[str, ...] = get_args(PerturbationKind)
_MAX_DRAWS = 100  # a draw leaves the clip unchanged with a probability of at most 1/30
_TABLE_SCHEMA = pa.schema(
    {
        "video": pa.string(),
        "draw": pa.int32(),
        "kind": pa.string(),
        "indices": pa.list_(pa.uint8()),
        "blank": pa.list_(pa.bool_()),
    }
)


@dataclass(frozen=True, slots=True)
class Perturbation:
    """A perturbation of a clip of T frames.

    Attributes:
        kind: one of `KINDS`.
        indices: T indices in 0..T-1: frame t of the perturbed clip is frame indices[t] of the clip.
        blank: T booleans: if True, frame t is zero after normalisation, i.e. the mean colour.
    """

    kind: str
    indices: tuple[int, ...]
    blank: tuple[bool, ...]


def draw_perturbation(
    num_frames: int,
    generator: np.random.Generator,
    kinds: Sequence[str],
    params: PerturbationParams,
) -> Perturbation:
    """Draw one perturbation of a clip of `num_frames` frames, with a kind uniform over `kinds`.

    `params` is `clips.perturbations` of params.yaml. The paper uses windows of 4 frames, an offset
    of 1, at most 3 copies and 3 blank frames. Short clips get at most T-1 copies, as in the
    authors' code, and at most T blank frames.
    """
    kind = kinds[int(generator.integers(len(kinds)))]
    indices, blanked = list(range(num_frames)), set[int]()
    match kind:
        case "shuffle":
            indices = _local_shuffle(num_frames, num_frames, generator)
        case "local_shuffle":
            indices = _local_shuffle(num_frames, params.window, generator)
        case "reverse":
            indices.reverse()
        case "jitter":
            indices = _jitter(num_frames, params.jitter, generator)
        case "duplicate":
            indices = _duplicate(num_frames, params.duplicate_max, generator)
        case "random_drop":
            blanked = set(_sample_frames(num_frames, min(params.drop_max, num_frames), generator))
        case _:  # otherwise a new kind would silently leave every clip unchanged
            raise NotImplementedError(f"perturbation kind {kind!r} has no case in perturb")
    return Perturbation(kind, tuple(indices), tuple(t in blanked for t in range(num_frames)))


def _local_shuffle(frames: int, window: int, generator: np.random.Generator) -> list[int]:
    """Random order within each window; the last window may be shorter."""
    indices: list[int] = []
    for start in range(0, frames, window):
        order = generator.permutation(min(window, frames - start))
        indices += [start + int(i) for i in order]
    return indices


def _jitter(frames: int, max_offset: int, generator: np.random.Generator) -> list[int]:
    """Each index shifted by a uniform offset in -max_offset..max_offset, clamped to the clip."""
    offsets = generator.integers(-max_offset, max_offset, size=frames, endpoint=True)
    return [int(i) for i in np.clip(np.arange(frames) + offsets, 0, frames - 1)]


def _duplicate(frames: int, max_copies: int, generator: np.random.Generator) -> list[int]:
    """Copies of one frame inserted at a random position; the same number of frames is removed."""
    copied = int(generator.integers(frames))
    position = int(generator.integers(frames, endpoint=True))
    removed = _sample_frames(frames, max(1, min(max_copies, frames - 1)), generator)
    before = [i for i in range(position) if i not in removed]
    after = [i for i in range(position, frames) if i not in removed]
    return [*before, *[copied] * len(removed), *after]


def _sample_frames(frames: int, max_count: int, generator: np.random.Generator) -> list[int]:
    """Draw 1..max_count distinct frames: a uniform number, then a uniform subset."""
    count = int(generator.integers(1, max_count, endpoint=True))
    return [int(i) for i in generator.permutation(frames)[:count]]


def draw_perturbations(
    video_ids: Iterable[str], frames: int, seed: int, params: PerturbationParams
) -> pd.DataFrame:
    """Draw `params.draws` perturbations per video, one row each, starting with draw 0.

    Each video has a separate generator, seeded with (seed, video id). Its rows do not depend on
    other videos, and a larger number of draws does not change the first ones.

    Returns:
        Columns video, draw, kind, indices (T integers) and blank (T booleans).
    """
    rows = []
    for video in video_ids:
        generator = _video_generator(video, seed)
        for number in range(params.draws):
            drawn = draw_perturbation(frames, generator, params.kinds, params)
            rows.append((video, number, drawn.kind, list(drawn.indices), list(drawn.blank)))
    return pd.DataFrame(rows, columns=["video", "draw", "kind", "indices", "blank"])


def draw_each_kind(
    video: str, frames: int, seed: int, params: PerturbationParams
) -> list[Perturbation]:
    """Draw one perturbation per kind in `params.kinds` that changes the clip.

    A draw that changes nothing is repeated, up to a limit: a clip of one frame changes only if it
    is blanked. The result depends on seed, video and kind only.
    """
    drawn = []
    for kind in params.kinds:
        generator = _video_generator(f"{kind}/{video}", seed)
        for _ in range(_MAX_DRAWS):
            found = draw_perturbation(frames, generator, [kind], params)
            if found.indices != tuple(range(frames)) or any(found.blank):
                break
        drawn.append(found)
    return drawn


def _video_generator(video: str, seed: int) -> np.random.Generator:
    # SHA-256, because Python's hash() of a string differs between processes.
    words = np.frombuffer(hashlib.sha256(video.encode()).digest(), dtype="<u4")
    return np.random.Generator(np.random.PCG64([seed, *(int(word) for word in words)]))


def write_perturbations(table: pd.DataFrame, path: Path, provenance: Mapping[str, Any]) -> None:
    """Write the rows of `draw_perturbations` as parquet, atomically.

    `provenance` describes how the rows were drawn. It is stored as JSON in the schema's metadata.
    """
    columns = pa.Table.from_pandas(table, schema=_TABLE_SCHEMA, preserve_index=False)
    metadata = {b"provenance": json.dumps(dict(provenance), sort_keys=True).encode()}
    with whole_file(path) as part:
        pq.write_table(columns.replace_schema_metadata(metadata), part)


class PerturbationTable:
    """Lookup table of drawn perturbations, `draws` per video."""

    def __init__(self, path: Path) -> None:
        """Read a file of `write_perturbations`. Raises InputError for any other file."""
        self._path = path
        with reading(path, *PERTURBATIONS):
            columns = pq.read_table(path).combine_chunks()
            self._kinds: list[str] = columns["kind"].to_pylist()
            rows = columns.num_rows
            self._indices = _flattened_column(columns, "indices").reshape(rows, -1)
            self._blank = _flattened_column(columns, "blank").reshape(rows, -1)
            videos = columns["video"].to_pylist()
            self.draws = 1 + max(columns["draw"].to_pylist(), default=-1)
        # Reversed, so that the first row of each video wins.
        self._first_row = {video: row for row, video in reversed(list(enumerate(videos)))}

    def require(self, videos: Iterable[str], frames: int) -> None:
        """Raise InputError unless every video has draws for clips of `frames` frames."""
        lacking = sorted({*videos} - self._first_row.keys())
        if lacking or self._indices.shape[1] != frames:
            found = f"clips of {self._indices.shape[1]} frames of {len(self._first_row)} videos"
            wanted = f"of {frames} frames" + (f", and of {lacking[0]}" if lacking else "")
            raise InputError(
                f"{self._path}: perturbations for {found}; expected some for clips {wanted}: "
                f"{PERTURBATIONS.remedy}"
            )

    def get(self, video: str, draw: int) -> Perturbation:
        """A draw of a video. Raises KeyError: no such video, or `draw` not in 0..draws-1."""
        first_row = self._first_row.get(video)
        if first_row is None or not 0 <= draw < self.draws:
            known = f"draws 0..{self.draws - 1} of {len(self._first_row)} videos"
            raise KeyError(f"{self._path}: no draw {draw} of video {video!r}; it has {known}")
        row = first_row + draw
        indices = tuple(int(i) for i in self._indices[row])
        return Perturbation(self._kinds[row], indices, tuple(bool(b) for b in self._blank[row]))


def _flattened_column(columns: pa.Table, name: str) -> np.ndarray:
    values = columns[name].chunk(0).flatten() if columns.num_rows else pa.array([], pa.uint8())
    return np.asarray(values.to_numpy(zero_copy_only=False))
