"""Columns of a parquet file, or an error that says what the file should have been."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from vqathinker.errors import InputError, reading
from vqathinker.products import Product

__all__ = ["read_columns"]


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
