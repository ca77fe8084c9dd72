"""The file of a policy's predictions on one benchmark: a parquet table that knows its origin.

Columns: `video` (id), `score` (float, null where no number could be read), `completion` (the whole
text), `parse_status` ("ok" or "no_number"). The schema's metadata holds, under the key
`provenance`, a JSON object with at least `run` and `benchmark`.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from vqathinker.atomic import whole_file

__all__ = ["COLUMNS", "Predictions", "read_predictions", "write_predictions"]

COLUMNS = ("video", "score", "completion", "parse_status")
_KEY = b"provenance"


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


def write_predictions(path: Path, table: pd.DataFrame, provenance: dict[str, Any]) -> None:
    """Write predictions; `provenance` names at least `run` and `benchmark`."""
    _check(path, set(table.columns), provenance)
    rows = pa.Table.from_pandas(table[list(COLUMNS)], preserve_index=False)
    origin = {_KEY: json.dumps(provenance, ensure_ascii=False, sort_keys=True).encode()}
    rows = rows.replace_schema_metadata({**(rows.schema.metadata or {}), **origin})
    with whole_file(path) as part:
        pq.write_table(rows, part)


def read_predictions(path: Path) -> Predictions:
    """Read predictions with their provenance; a null score comes out as NaN.

    Raises:
        ValueError: a column or the provenance is missing.
    """
    rows = pq.read_table(path)
    provenance = json.loads((rows.schema.metadata or {}).get(_KEY, b"{}"))
    _check(path, set(rows.column_names), provenance)
    table = rows.to_pandas()
    table["score"] = table["score"].astype(float)
    return Predictions(table, provenance)


def _check(path: Path, columns: set[str], provenance: dict[str, Any]) -> None:
    lacking = [f"column {name}" for name in COLUMNS if name not in columns]
    lacking += [f"provenance of {key}" for key in ("run", "benchmark") if key not in provenance]
    if lacking:
        raise ValueError(
            f"{path}: no {', no '.join(lacking)}; predictions come from `vqathinker predict`"
        )
