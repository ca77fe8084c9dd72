"""Columns of parquet files, and what is said of files that do not have them."""

from pathlib import Path

import pandas as pd
import pytest

from vqathinker.errors import InputError
from vqathinker.parquet import read_columns
from vqathinker.products import MANIFEST


def test_the_wanted_columns_are_read_in_their_order(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": [1], "b": ["x"], "c": [2.0]})
    table.to_parquet(tmp_path / "a.parquet")
    pd.testing.assert_frame_equal(
        read_columns(tmp_path / "a.parquet", ["c", "a"], MANIFEST), table[["c", "a"]]
    )


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet.* b, c"):
        read_columns(tmp_path / "a.parquet", ["a", "b", "c"], MANIFEST)
