"""The file of a policy's predictions on one benchmark: a parquet table that knows its origin.

Columns: `video` (id), `score` (null where there is none), `completion` (the whole greedy text),
`parse_status` (of it, see `policy.answer`), `greedy` (its score). With drawn answers also `mean`,
`mean_spread` (standard deviation), `samples` (their scores, null where unreadable) and
`sample_statuses`; with the expectation `expected`, `expected_spread`, `expected_mass` (probability
of the numbers that it is over) and `expected_missing` (of those that were left unexplored; it
bounds the error, see `policy.expectation`). `score` is one of `greedy`, `mean`, `expected`.
Predictions about perturbed copies have `kind`, too (`evaluation.perturbed`). The schema's metadata
holds, under the key `provenance`, a JSON object with at least `run` and `benchmark`.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pandas as pd
import pyarrow as pa

from vqathinker.errors import InputError
from vqathinker.params import ScoreKind
from vqathinker.parquet import read_table, write_table
from vqathinker.products import PREDICTIONS

KINDS: tuple[ScoreKind, ...] = get_args(ScoreKind)
RAW = "raw"  # where `kind` names a perturbation, of the clip itself
COLUMNS = ("video", "score", "completion", "parse_status", "greedy")
_TYPES = {
    "video": pa.string(),
    "kind": pa.string(),
    "score": pa.float64(),
    "completion": pa.string(),
    "parse_status": pa.string(),
    "greedy": pa.float64(),
    "mean": pa.float64(),
    "mean_spread": pa.float64(),
    "samples": pa.list_(pa.float64()),
    "sample_statuses": pa.list_(pa.string()),
    "expected": pa.float64(),
    "expected_spread": pa.float64(),
    "expected_mass": pa.float64(),
    "expected_missing": pa.float64(),
}
_KEYS = ("run", "benchmark")  # of the provenance, in every file
_EACH = ("clips", "machine")  # of the provenance, what shards may differ in


class Predictions(NamedTuple):
    """One row per clip that could be decoded, and where the rows come from."""

    table: pd.DataFrame
    provenance: dict[str, Any]

    @property
    def run(self) -> str:
        """The run whose policy spoke."""
        return str(self.provenance["run"])

    @property
    def benchmark(self) -> str:
        """The test set it spoke about."""
        return str(self.provenance["benchmark"])

    @property
    def score(self) -> ScoreKind:
        """The kind of score that stands in the column of that name."""
        kind: ScoreKind = self.provenance.get("decoding", {}).get("score", "greedy")
        return kind


def write_predictions(path: Path, table: pd.DataFrame, provenance: dict[str, Any]) -> None:
    """Write predictions; `provenance` names at least `run` and `benchmark`."""
    rows = pa.Table.from_pandas(table, schema=_schema(table.columns), preserve_index=False)
    write_table(path, rows, provenance)


def _schema(columns: Iterable[str]) -> pa.Schema:
    there = set(columns)
    return pa.schema({name: kind for name, kind in _TYPES.items() if name in there})


def read_predictions(path: Path) -> Predictions:
    """Read predictions with their provenance; a score that is null comes out as NaN.

    Raises:
        InputError: a column or the provenance is missing.
    """
    rows, provenance = read_table(path, COLUMNS, _KEYS, PREDICTIONS)
    return Predictions(rows.to_pandas(), provenance)


def gather(parts: Sequence[Path], out: Path) -> None:
    """Join predictions, in the order of `parts`, in the file `out`.

    Raises:
        InputError: there are none, they differ in more than clips and machine, or two of them speak
            about the same video.
    """
    if not parts:
        raise InputError("no predictions to join: write them with `vqathinker predict`")
    read = [read_table(part, COLUMNS, _KEYS, PREDICTIONS) for part in parts]
    tables, origins = [rows for rows, _ in read], [provenance for _, provenance in read]
    shared = [{key: one[key] for key in one if key not in _EACH} for one in origins]
    first, seen = shared[0], set[str]()
    for path, rows, own in zip(parts, tables, shared, strict=True):
        if wrong := [key for key in sorted({*first, *own}) if first.get(key) != own.get(key)]:
            raise InputError(
                f"{path}: {wrong[0]} is {own.get(wrong[0])!r}, but {first.get(wrong[0])!r} in "
                f"{parts[0]}; give the shards of one run on one benchmark, or predict them again"
            )
        videos = set(rows["video"].to_pylist())
        if twice := sorted(seen & videos):
            raise InputError(f"{path}: video {twice[0]!r} is in an earlier file, too; give it once")
        seen |= videos
    machine = _all_of([origin.get("machine", {}) for origin in origins])
    clips = [digest for origin in origins for digest in origin.get("clips", [])]
    # Columns of a shard without rows have no type; arrow keeps null where pandas has NaN.
    joined = pa.concat_tables([rows for rows in tables if len(rows)] or tables[:1])
    joined = joined.combine_chunks().cast(_schema(joined.column_names))
    write_table(out, joined, {**first, "clips": clips, "machine": machine})


def _all_of(values: Sequence[Any]) -> Any:
    """The common value; of mappings that differ, key by key; else all values as text."""
    if all(value == values[0] for value in values):
        return values[0]
    if all(isinstance(value, Mapping) for value in values):
        keys = sorted({key for value in values for key in value})
        return {key: _all_of([value.get(key) for value in values]) for key in keys}
    return " | ".join(sorted({str(value) for value in values}))
