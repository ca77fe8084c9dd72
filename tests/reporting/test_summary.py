"""The summary on the terminal."""

import io
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from vqathinker.errors import InputError
from vqathinker.reporting.summary import print_summary


def printed(folder: Path) -> str:
    text = io.StringIO()
    print_summary(folder, Console(file=text, width=80))
    return text.getvalue()


def change(scale: Any, **columns: Any) -> pd.DataFrame:
    path = scale.tables / "scoring.csv"
    rows = pd.read_csv(path).assign(**columns)
    rows.to_csv(path, index=False, float_format="%.6f", lineterminator="\n")
    return rows


def test_long_names_and_intervals_fit_eighty_columns_in_one_piece(scale: Any) -> None:
    long = {"run": "grpo-only-regression", "benchmark": "demo_distortion"}
    rows = change(scale, srcc_low=-0.9012, srcc_high=0.9987, **long)
    lines = printed(scale.root).splitlines()
    whole = [line for line in lines if "grpo-only-regression  demo_distortion " in line]
    assert len(whole) == len(rows)
    assert "1.000 -0.90…1.00" in whole[-1]
    assert max(len(line) for line in lines if "Report" not in line) <= 80


def test_what_is_lost_is_counted_by_row_and_told_by_kind(scale: Any) -> None:
    rows = change(scale, n_missing=2, n_damaged=0, n_null=1)
    said = printed(scale.root)
    assert said.count(f"  {int(rows['n'].iloc[0]) - 3}     3  ") == len(rows)  # n is compared
    assert f"{2 * len(rows)} missing, {len(rows)} without" in said


def test_without_tables_it_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"scoring\.csv"):
        printed(tmp_path)
