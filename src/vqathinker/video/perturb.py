"""The six temporal perturbations, as index lists and blanking masks over a clip's T frames.

Source: docs/method.md, section 4; `apply_temporal_perturbation` of the authors' code at ee47a40,
whose distributions these follow. A perturbation is drawn for each rollout copy and applied to
frames that are stored already: nothing is decoded again and no pixel is stored twice.

Departure from the authors' code:
1. Every draw comes from a generator seeded by (seed, video id) instead of the global one, so it can
   be repeated and does not depend on the order of the videos.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from vqathinker.atomic import whole_file
from vqathinker.params import PerturbationParams

__all__ = [
    "KINDS",
    "Perturbation",
    "PerturbationTable",
    "draw_perturbation",
    "draw_perturbations",
    "write_perturbations",
]

KINDS = ("shuffle", "local_shuffle", "reverse", "jitter", "duplicate", "random_drop")

_PROVENANCE_KEY = b"provenance"


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
        ValueError: a kind that is none of `KINDS`, no kinds, or a number out of range.
    """
    if not kinds or not set(kinds) <= set(KINDS):
        raise ValueError(f"perturbation kinds {list(kinds)!r}: choose from {', '.join(KINDS)}")
    if min(num_frames, window, duplicate_max, drop_max) < 1 or jitter < 0:
        raise ValueError(
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


def _video_generator(video: str, seed: int) -> np.random.Generator:
    # A hash by name: Python's own differs from one process to the next.
    words = np.frombuffer(hashlib.sha256(video.encode()).digest(), dtype="<u4")
    return np.random.Generator(np.random.PCG64([seed, *(int(word) for word in words)]))


def write_perturbations(table: pd.DataFrame, path: Path, provenance: Mapping[str, Any]) -> None:
    """Write the rows of `draw_perturbations` as parquet; no half file is ever left.

    `provenance` says how the rows were drawn, in JSON, under that key of the schema's metadata.
    """
    columns = pa.Table.from_pandas(table, schema=_TABLE_SCHEMA, preserve_index=False)
    metadata = {_PROVENANCE_KEY: json.dumps(dict(provenance), sort_keys=True).encode()}
    with whole_file(path) as part:
        pq.write_table(columns.replace_schema_metadata(metadata), part)


_TABLE_SCHEMA = pa.schema(
    {
        "video": pa.string(),
        "draw": pa.int32(),
        "kind": pa.string(),
        "indices": pa.list_(pa.uint8()),
        "blank": pa.list_(pa.bool_()),
    }
)


class PerturbationTable:
    """Look-up of drawn perturbations.

    Attributes:
        draws: number of draws each video has.
    """

    def __init__(self, path: Path) -> None:
        """Read the table that `write_perturbations` wrote."""
        columns = pq.read_table(path).combine_chunks()
        self._path = path
        self._kinds: list[str] = columns["kind"].to_pylist()
        rows = columns.num_rows
        self._indices = _flattened_column(columns, "indices").reshape(rows, -1)
        self._blank = _flattened_column(columns, "blank").reshape(rows, -1)
        videos = columns["video"].to_pylist()
        self.draws = 1 + max(columns["draw"].to_pylist(), default=-1)
        # Backwards, so that of a video's rows the first one stays.
        self._first_row = {video: row for row, video in reversed(list(enumerate(videos)))}

    def get(self, video: str, draw: int) -> Perturbation:
        """Look up a draw of a video.

        Raises:
            KeyError: no such video, or `draw` not in 0..draws-1.
        """
        first_row = self._first_row.get(video)
        if first_row is None or not 0 <= draw < self.draws:
            raise KeyError(
                f"{self._path}: no draw {draw} of video {video!r}; it holds draws "
                f"0..{self.draws - 1} of {len(self._first_row)} videos: take draw % draws, or "
                "write it anew with `vqathinker perturb`"
            )
        row = first_row + draw
        indices = tuple(int(i) for i in self._indices[row])
        return Perturbation(self._kinds[row], indices, tuple(bool(b) for b in self._blank[row]))


def _flattened_column(columns: pa.Table, name: str) -> np.ndarray:
    values = columns[name].chunk(0).flatten() if columns.num_rows else pa.array([], pa.uint8())
    return np.asarray(values.to_numpy(zero_copy_only=False))
