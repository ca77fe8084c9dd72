"""Runs that were trained on a part of a benchmark are averaged over their splits."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from vqathinker.evaluation.origins import HELD_OUT
from vqathinker.reporting.formats import FILES, read_table, write_table
from vqathinker.reporting.main_table import ReportScale
from vqathinker.reporting.numbers import write_numbers
from vqathinker.reporting.scores import SCORE_TABLES
from vqathinker.reporting.splits import SPLIT_COLUMNS, splits_grid, splits_table
from vqathinker.reporting.summary import print_summary

RUNS = {
    "start": {"train": False, "of": None, "after": None},
    "mine": {"train": True, "of": None, "after": "start"},
    "mine-seed7": {"train": True, "of": "mine", "after": "start"},
}
SCALE = ReportScale("real", {"real": "out-of-distribution"}, {"real": 6}, RUNS, "start")
MOS = pd.DataFrame({"video": list("abcdef"), "mos": [1.0, 2, 3, 4, 5, 6]})
# The starting policy orders a, b, c correctly, and d, e, f in reverse.
START = {("start", "real"): MOS.assign(score=[1.0, 2, 3, 3, 2, 1])}


def result(run: str, srcc: float | None, videos: Sequence[str] = ()) -> dict[str, Any]:
    held_out = {HELD_OUT: list(videos)} if videos else {}
    counts = {"n": len(videos) or 6, "n_missing": 0, "n_damaged": 0, "n_no_score": 0}
    about = {"run": run, "benchmark": "real", "score": "expected", "provenance": held_out}
    return {**about, **counts, "srcc": srcc, "plcc": srcc, FILES: [Path(f"{run}.json")]}


def line(*results: dict[str, Any]) -> dict[str, Any]:
    [row] = splits_table(SCALE, [result("start", 0.1), *results], START).rows
    return dict(row)


def test_means_errors_and_differences_are_over_splits() -> None:
    row = line(result("mine", 0.5, "abc"), result("mine-seed7", 0.8, "def"))
    assert (row["row"], row["after"], row["splits"], row["n"]) == ("mine", "start", 2, 3)
    # By hand: (0.5 + 0.8) / 2, and the standard deviation 0.3 / sqrt(2) divided by sqrt(2).
    assert (row["srcc"], row["srcc_error"]) == (pytest.approx(0.65), pytest.approx(0.15))
    # Before: 1 on a, b, c and -1 on d, e, f; so the differences are -0.5 and 1.8.
    assert (row["srcc_before"], row["srcc_before_error"]) == (pytest.approx(0), pytest.approx(1))
    assert row["srcc_difference"] == pytest.approx(0.65)
    assert row["srcc_difference_error"] == pytest.approx(1.15)
    assert row[FILES] == [Path("mine.json"), Path("mine-seed7.json")]


def test_a_single_split_has_no_error() -> None:
    row = line(result("mine", 0.5, "abc"))
    assert (row["srcc"], row["srcc_error"], row["reason"]) == (0.5, None, None)


def test_a_split_without_correlation_leaves_the_mean_undefined() -> None:
    row = line(result("mine", 0.5, "abc"), result("mine-seed7", None, "def"))
    assert (row["srcc"], row["srcc_difference"]) == (None, None)
    assert row["reason"].startswith("1 of 2 splits")


def test_the_summary_has_one_row_for_all_splits(tmp_path: Path) -> None:
    splits = [result("mine", 0.5, "abc"), result("mine-seed7", 0.8, "def")]
    table = splits_table(SCALE, splits, START)
    write_table(table, tmp_path / "tables")
    rows = [result("start", 0.1), *splits]
    scoring = pd.DataFrame([dict.fromkeys(SCORE_TABLES["scoring"]) | row for row in rows])
    scoring.to_csv(
        tmp_path / "tables" / "scoring.csv", columns=SCORE_TABLES["scoring"], index=False
    )
    assert splits_grid(read_table(tmp_path / "tables" / "splits.csv", SPLIT_COLUMNS)).blocks
    text = io.StringIO()
    print_summary(tmp_path, Console(file=text, width=80))
    output = text.getvalue()
    assert "0.650 ± 0.150" in output
    assert "mine-seed7" not in output
    assert "start" in output


def test_dvc_gets_the_means_and_their_errors(scale: Any, tmp_path: Path) -> None:
    splits = [result("mine", 0.5, "abc"), result("mine-seed7", 0.8, "def")]
    write_table(splits_table(SCALE, splits, START), scale.tables)
    write_numbers(scale.tables, tmp_path)
    path = tmp_path / "runs" / "mine" / "splits" / "real.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    assert (found["splits"], found["n"]) == (2, 3)
    assert (found["srcc"], found["srcc_error"]) == (pytest.approx(0.65), pytest.approx(0.15))
