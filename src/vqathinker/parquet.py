"""Parquet tables: read some columns, and read or write a table with its provenance."""

import json
from collections.abc import Sequence
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
    """These columns of `path`, which should be that product.

    Raises:
        InputError: it is not there, cannot be read, is no parquet file or lacks a column.
    """
    with reading(path, *product):
        lacking = [name for name in columns if name not in pq.read_schema(path).names]
    if lacking:
        raise InputError(f"{path}: has no column {', '.join(lacking)}; expected {product}")
    with reading(path, *product):
        return pd.read_parquet(path, columns=list(columns))


def write_table(path: Path, rows: pa.Table, provenance: dict[str, Any]) -> None:
    """Write rows, and in the metadata of their schema, as JSON, where they come from."""
    origin = {_PROVENANCE: json.dumps(provenance, ensure_ascii=False, sort_keys=True).encode()}
    with whole_file(path) as part:
        pq.write_table(rows.replace_schema_metadata(origin), part)


def read_table(
    path: Path, columns: Sequence[str], keys: Sequence[str], product: Product
) -> tuple[pa.Table, dict[str, Any]]:
    """All rows that `write_table` wrote, without metadata, and where they come from.

    Raises:
        InputError: it is no such file, or lacks one of the columns, or of the keys of provenance.
    """
    with reading(path, *product):
        rows = pq.read_table(path)
        provenance = json.loads((rows.schema.metadata or {}).get(_PROVENANCE, b"{}"))
    lacking = [f"column {name}" for name in columns if name not in rows.column_names]
    lacking += [f"provenance of {key}" for key in keys if key not in provenance]
    if lacking:
        raise InputError(f"{path}: no {', no '.join(lacking)}; expected {product}")
    return rows.replace_schema_metadata(None), provenance
