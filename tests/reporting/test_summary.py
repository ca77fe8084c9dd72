"""Claims about the summary on the terminal."""

import io
import shutil
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from vqathinker.errors import InputError
from vqathinker.reporting.summary import print_summary


def printed(folder: Path) -> str:
    text = io.StringIO()
    print_summary(folder, Console(file=text, width=80))
    return text.getvalue()


def test_it_fits_eighty_columns_with_a_row_for_each_run_and_benchmark(scale) -> None:
    lines = printed(scale.root).splitlines()
    rows = [line for line in lines if "seen" in line]
    assert len(rows) == 4
    assert "grpo" in rows[2]
    assert "1.000" in rows[2]
    assert max(len(line) for line in lines if "Report" not in line) <= 80


def test_it_ends_with_the_path_of_the_report_in_one_piece(scale) -> None:
    report = scale.root / "report.html"
    report.write_text("", encoding="utf-8")
    assert printed(scale.root).endswith(f"Report: {report}\n")


def test_names_in_brackets_are_no_markup(scale, tmp_path: Path) -> None:
    folder = tmp_path / "[bold]a[" / "[red]"
    shutil.copytree(scale.tables, folder / "tables")
    scores = folder / "tables" / "scoring.csv"
    scores.write_text(scores.read_text(encoding="utf-8").replace("grpo", "[b]g"), encoding="utf-8")
    said = printed(folder)
    assert "[red]" in said.splitlines()[0]
    assert "[b]g" in said


def test_it_says_when_the_report_has_not_been_made(scale) -> None:
    assert "report.html is not there" in printed(scale.root)


def test_without_tables_it_says_what_to_make(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"scoring\.csv: no such file.* `vqathinker tables`"):
        printed(tmp_path)


def test_it_shows_the_interval_of_srcc_where_there_is_one(scale) -> None:
    table = scale.tables / "scoring.csv"
    rows = pd.read_csv(table).assign(srcc_low=0.9012, srcc_high=0.9987)
    rows.to_csv(table, index=False, float_format="%.6f", lineterminator="\n")
    lines = printed(scale.root).splitlines()
    assert any("1.000 0.90…1.00" in line for line in lines)
    assert max(len(line) for line in lines if "Report" not in line) <= 80


def test_names_as_long_as_those_of_the_demo_stay_in_one_piece(scale) -> None:
    table = scale.tables / "scoring.csv"
    rows = pd.read_csv(table).assign(srcc_low=-0.9012, srcc_high=0.9987)
    named = rows.assign(run="grpo-only-regression", benchmark="demo_distortion")
    named.to_csv(table, index=False, float_format="%.6f", lineterminator="\n")
    lines = printed(scale.root).splitlines()
    whole = [line for line in lines if "grpo-only-regression  demo_distortion " in line]
    assert len(whole) == len(rows)
    assert max(len(line) for line in lines if "Report" not in line) <= 80


def test_what_is_lost_is_counted_by_row_and_told_by_kind(scale) -> None:
    table = scale.tables / "scoring.csv"
    rows = pd.read_csv(table).assign(n_missing=2, n_damaged=0, n_null=1)
    rows.to_csv(table, index=False, float_format="%.6f", lineterminator="\n")
    said = printed(scale.root)
    assert said.count(f"  {int(rows['n'].iloc[0]) - 3}     3  ") == len(rows)  # n is compared
    each = len(rows)
    assert f"{2 * each} missing, {each} without a readable answer\n" in said


def test_the_kind_of_score_has_a_column_where_rows_differ(scale) -> None:
    table = scale.tables / "scoring.csv"
    rows = pd.read_csv(table)
    kind = rows["score"].iloc[0]
    assert f"({scale.root.name}, {kind})" in printed(scale.root)
    rows.loc[0, "score"] = "mean"
    rows.to_csv(table, index=False, float_format="%.6f", lineterminator="\n")
    assert f"({scale.root.name})" in printed(scale.root)
    assert " mean " in printed(scale.root)
