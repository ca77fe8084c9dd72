"""Drawn perturbations as a file: one row for each draw of a video."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from vqathinker.atomic import whole_file
from vqathinker.errors import InputError, reading
from vqathinker.products import PERTURBATIONS
from vqathinker.video.perturb import Perturbation

__all__ = ["PerturbationTable", "write_perturbations"]

_PROVENANCE_KEY = b"provenance"


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
        """Read the table that `write_perturbations` wrote.

        Raises:
            InputError: it cannot be read, or is another table.
        """
        self._path = path
        with reading(path, *PERTURBATIONS):
            columns = pq.read_table(path).combine_chunks()
            self._kinds: list[str] = columns["kind"].to_pylist()
            rows = columns.num_rows
            self._indices = _flattened_column(columns, "indices").reshape(rows, -1)
            self._blank = _flattened_column(columns, "blank").reshape(rows, -1)
            videos = columns["video"].to_pylist()
            self.draws = 1 + max(columns["draw"].to_pylist(), default=-1)
        # Backwards, so that of a video's rows the first one stays.
        self._first_row = {video: row for row, video in reversed(list(enumerate(videos)))}

    def require(self, videos: Iterable[str], frames: int) -> None:
        """Make sure that there are draws for clips of so many frames of each of these videos.

        Raises:
            InputError: a video has none, or they are for clips of another length.
        """
        lacking = sorted({*videos} - self._first_row.keys())
        if lacking or self._indices.shape[1] != frames:
            found = f"clips of {self._indices.shape[1]} frames of {len(self._first_row)} videos"
            wanted = f"of {frames} frames" + (f", and of {lacking[0]}" if lacking else "")
            raise InputError(
                f"{self._path}: perturbations for {found}; expected some for clips {wanted}: "
                f"{PERTURBATIONS.remedy}"
            )

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
