"""Parquet tables with provenance in the schema's metadata."""

import json
from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from vqathinker.atomic import whole_file
from vqathinker.errors import InputError, reading
from vqathinker.products import Product

_PROVENANCE = b"provenance"  # key of the schema's metadata


def read_columns(path: Path, columns: Sequence[str], product: Product) -> pd.DataFrame:
    """The given columns of a parquet file that should be `product`.

    Raises:
        InputError: the file is missing, damaged or not parquet, or lacks a column.
    """
    with reading(path, *product):
        present = pq.read_schema(path).names
    _require(path, "column", columns, present, product)
    with reading(path, *product):
        return pd.read_parquet(path, columns=list(columns))


def write_table(path: Path, rows: pa.Table, provenance: dict[str, Any]) -> None:
    """Write rows, with their provenance as JSON in the schema's metadata."""
    origin = {_PROVENANCE: json.dumps(provenance, ensure_ascii=False, sort_keys=True).encode()}
    with whole_file(path) as part:
        pq.write_table(rows.replace_schema_metadata(origin), part)


def read_table(
    path: Path, columns: Sequence[str], keys: Sequence[str], product: Product
) -> tuple[pa.Table, dict[str, Any]]:
    """Rows and provenance as written by `write_table`; the rows have no metadata.

    Raises:
        InputError: the file is damaged, or lacks a column or a key of the provenance.
    """
    with reading(path, *product):
        rows = pq.read_table(path)
        provenance = json.loads((rows.schema.metadata or {}).get(_PROVENANCE, b"{}"))
    _require(path, "column", columns, rows.column_names, product)
    _require(path, "provenance of", keys, provenance, product)
    return rows.replace_schema_metadata(None), provenance


def _require(
    path: Path, kind: str, required: Sequence[str], present: Container[str], product: Product
) -> None:
    if missing := [name for name in required if name not in present]:
        raise InputError(f"{path}: has no {kind} {', '.join(missing)}; expected {product}")
