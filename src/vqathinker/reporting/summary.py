"""The scores of a scale on the terminal, and where its report lies."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from vqathinker.reporting.tables.formats import format_cell
from vqathinker.reporting.tables.scoring import SCORING, read_table

__all__ = ["print_summary"]

# Column of scoring.csv to its short heading.
_COLUMNS = {
    "run": "run",
    "benchmark": "benchmark",
    "n": "n",
    "n_missing": "missing",
    "n_damaged": "damaged",
    "n_null": "null",
    "score": "score",
    "srcc": "SRCC, 95 %",
    "plcc": "PLCC",
}
_WORDS = ("run", "benchmark", "score")


def print_summary(results_dir: Path, console: Console | None = None) -> None:
    """Print one row for each run and benchmark, then the path of the report.

    Raises:
        InputError: the tables of `results_dir` have not been made, or are none.
    """
    console = console or Console()
    rows = read_table(results_dir / "tables" / "scoring.csv", SCORING)
    table = Table(
        title=f"Scores ({results_dir.name})", title_justify="left",
        box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False,
    )  # fmt: skip
    for name, heading in _COLUMNS.items():
        table.add_column(heading, justify="left" if name in _WORDS else "right", overflow="fold")
    for number, row in enumerate(rows):
        new_run = number + 1 < len(rows) and rows[number + 1]["run"] != row["run"]
        cells = {name: format_cell(row[name]) for name in _COLUMNS} | {"srcc": _with_interval(row)}
        table.add_row(*cells.values(), end_section=new_run)
    console.print(table)
    report = results_dir / "report.html"
    state = str(report) if report.is_file() else f"{report} is not there; make it with snakemake"
    console.print(f"Report: {state}", markup=False, highlight=False, soft_wrap=True)


def _with_interval(row: Mapping[str, Any]) -> str:
    """In two decimals the interval, so that eighty columns are enough."""
    value = format_cell(row["srcc"])
    if row["srcc_low"] is None or row["srcc_high"] is None:
        return value
    return f"{value} {row['srcc_low']:.2f}…{row['srcc_high']:.2f}"
