"""The file of a policy's predictions on one benchmark: a parquet table with provenance.

Columns: `video` (id), `score` (null if there is none), `completion` (full greedy text),
`parse_status` (of that text, see `policy.answer`) and `greedy` (its score). With sampled answers:
`mean`, `mean_spread` (standard deviation), `samples` (their scores, null if invalid) and
`sample_statuses`. With expected scores: `expected`, `expected_spread`, `expected_mass` (probability
of the numbers in the expectation) and `expected_missing` (probability of unexplored numbers, which
bounds the error; see `policy.expectation`). `score` is one of `greedy`, `mean`, `expected`.
Predictions on perturbed copies also have `kind` (`evaluation.perturbed`). The metadata entry
`provenance` is a JSON object with at least `run` and `benchmark`.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pandas as pd
import pyarrow as pa

from vqathinker.errors import InputError
from vqathinker.params import ScoreKind
from vqathinker.parquet import read_table, write_table
from vqathinker.products import PREDICTIONS

SCORE_KINDS: tuple[ScoreKind, ...] = get_args(ScoreKind)
RAW = "raw"  # value of `kind` for the clip itself
COLUMNS = ("video", "score", "completion", "parse_status", "greedy")
COLUMN_TYPES = {
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
_REQUIRED_KEYS = ("run", "benchmark")  # of the provenance
_SHARD_KEYS = ("clips", "machine")  # of the provenance; may differ between shards


class Predictions(NamedTuple):
    """One row per decoded clip, and the provenance of the rows."""

    table: pd.DataFrame
    provenance: dict[str, Any]

    @property
    def run(self) -> str:
        """The run that made the predictions."""
        return str(self.provenance["run"])

    @property
    def benchmark(self) -> str:
        """The benchmark that was predicted."""
        return str(self.provenance["benchmark"])

    @property
    def score(self) -> ScoreKind:
        """The kind of score in the column `score`."""
        kind: ScoreKind = self.provenance.get("decoding", {}).get("score", "greedy")
        return kind


def write_predictions(path: Path, table: pd.DataFrame, provenance: dict[str, Any]) -> None:
    """Write predictions; `provenance` names at least `run` and `benchmark`."""
    rows = pa.Table.from_pandas(table, schema=_schema(table.columns), preserve_index=False)
    write_table(path, rows, provenance)


def _schema(columns: Iterable[str]) -> pa.Schema:
    present = set(columns)
    return pa.schema({name: kind for name, kind in COLUMN_TYPES.items() if name in present})


def read_predictions(path: Path) -> Predictions:
    """Read predictions with their provenance; null scores become NaN.

    Raises:
        InputError: a column or the provenance is missing.
    """
    rows, provenance = read_table(path, COLUMNS, _REQUIRED_KEYS, PREDICTIONS)
    return Predictions(rows.to_pandas(), provenance)


def merge_predictions(parts: Sequence[Path], out: Path) -> None:
    """Merge predictions of shards, in the order of `parts`, into the file `out`.

    Raises:
        InputError: there are none, they differ in more than clips and machine, or two have the same
            video.
    """
    if not parts:
        raise InputError("no predictions to merge: write them with `vqathinker predict`")
    read = [read_table(part, COLUMNS, _REQUIRED_KEYS, PREDICTIONS) for part in parts]
    tables, origins = [rows for rows, _ in read], [provenance for _, provenance in read]
    shared = [{key: one[key] for key in one if key not in _SHARD_KEYS} for one in origins]
    first, seen = shared[0], set[str]()
    for path, rows, own in zip(parts, tables, shared, strict=True):
        if wrong := [key for key in sorted({*first, *own}) if first.get(key) != own.get(key)]:
            raise InputError(
                f"{path}: {wrong[0]} is {own.get(wrong[0])!r}, but {first.get(wrong[0])!r} in "
                f"{parts[0]}; give shards of one run on one benchmark, or predict them again"
            )
        videos = set(rows["video"].to_pylist())
        if twice := sorted(seen & videos):
            raise InputError(f"{path}: video {twice[0]!r} is in an earlier file, too")
        seen |= videos
    machines = [origin.get("machine") for origin in origins]
    distinct = [one for place, one in enumerate(machines) if one not in machines[:place]]
    clips = [digest for origin in origins for digest in origin.get("clips", [])]
    # Columns of an empty shard have no type. Arrow, unlike pandas, tells null from NaN.
    joined = pa.concat_tables([rows for rows in tables if len(rows)] or tables[:1])
    joined = joined.combine_chunks().cast(_schema(joined.column_names))
    machine = distinct[0] if len(distinct) == 1 else distinct
    write_table(out, joined, {**first, "clips": clips, "machine": machine})
