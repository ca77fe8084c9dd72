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

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from vqathinker.atomic import whole_file
from vqathinker.errors import InputError, reading
from vqathinker.params import ScoreKind
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
_KEY = b"provenance"
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
    _check(path, set(table.columns), provenance)
    rows = pa.Table.from_pandas(table, schema=_schema(table.columns), preserve_index=False)
    _write(path, rows, provenance)


def write_joined(path: Path, parts: Sequence[Path], provenance: dict[str, Any]) -> None:
    """Write the rows of files of predictions as one, with null where it was null.

    Raises:
        InputError: one of them cannot be read.
    """
    tables = []
    for part in parts:
        with reading(part, *PREDICTIONS):
            tables.append(pq.read_table(part).replace_schema_metadata(None))
    filled = [table for table in tables if len(table)] or tables[:1]
    rows = pa.concat_tables(filled).combine_chunks()
    _write(path, rows.cast(_schema(rows.column_names)), provenance)


def _schema(columns: Iterable[str]) -> pa.Schema:
    there = set(columns)
    return pa.schema({name: kind for name, kind in _TYPES.items() if name in there})


def _write(path: Path, rows: pa.Table, provenance: dict[str, Any]) -> None:
    origin = {_KEY: json.dumps(provenance, ensure_ascii=False, sort_keys=True).encode()}
    rows = rows.replace_schema_metadata(origin)
    with whole_file(path) as part:
        pq.write_table(rows, part)


def read_predictions(path: Path) -> Predictions:
    """Read predictions with their provenance; a score that is null comes out as NaN.

    Raises:
        InputError: a column or the provenance is missing.
    """
    with reading(path, *PREDICTIONS):
        rows = pq.read_table(path)
        provenance = json.loads((rows.schema.metadata or {}).get(_KEY, b"{}"))
        table = rows.to_pandas()
    _check(path, set(rows.column_names), provenance)
    return Predictions(table, provenance)


def _check(path: Path, columns: set[str], provenance: dict[str, Any]) -> None:
    lacking = [f"column {name}" for name in COLUMNS if name not in columns]
    lacking += [f"provenance of {key}" for key in ("run", "benchmark") if key not in provenance]
    if lacking:
        raise InputError(f"{path}: no {', no '.join(lacking)}; expected {PREDICTIONS}")


def gather(parts: Sequence[Path], out: Path) -> None:
    """Join predictions, in the order of `parts`, in the file `out`.

    Raises:
        InputError: there are none, they differ in more than clips and machine, or two of them speak
            about the same video.
    """
    if not parts:
        raise InputError("no predictions to join: write them with `vqathinker predict`")
    read = [read_predictions(part) for part in parts]
    first = _shared(read[0].provenance)
    seen: set[str] = set()
    for path, said in zip(parts, read, strict=True):
        told = _shared(said.provenance)
        if wrong := [key for key in sorted({*first, *told}) if first.get(key) != told.get(key)]:
            raise InputError(
                f"{path}: {wrong[0]} is {told.get(wrong[0])!r}, but {first.get(wrong[0])!r} in "
                f"{parts[0]}; give the shards of one run on one benchmark, or predict them again"
            )
        if twice := sorted(seen & set(said.table["video"])):
            raise InputError(
                f"{path}: video {twice[0]!r} is in a file before it, too; give it once"
            )
        seen |= set(said.table["video"])
    machines = [said.provenance.get("machine", {}) for said in read]
    clips = [digest for said in read for digest in said.provenance.get("clips", [])]
    write_joined(out, parts, {**first, "clips": clips, "machine": _all_of(machines)})


def _shared(provenance: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in provenance.items() if key not in _EACH}


def _all_of(values: Sequence[Any]) -> Any:
    """What is the same; where mappings differ, key by key; else all that there is, as text."""
    if all(value == values[0] for value in values):
        return values[0]
    if all(isinstance(value, Mapping) for value in values):
        keys = sorted({key for value in values for key in value})
        return {key: _all_of([value.get(key) for value in values]) for key in keys}
    return " | ".join(sorted({str(value) for value in values}))
