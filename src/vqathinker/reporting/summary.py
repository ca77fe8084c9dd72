"""Scores of a scale on the terminal, and the path of its report."""

import re
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vqathinker.reporting.formats import MEASURES, format_cell, read_table
from vqathinker.reporting.scores import SCORING_COLUMNS
from vqathinker.reporting.splits import SPLIT_COLUMNS, mean_with_error

_HEADINGS = {"srcc": "SRCC, 95 %", "plcc": "PLCC"}
_NOT_SCORED = {"n_missing": "missing", "n_damaged": "damaged", "n_no_score": "without a score"}
_NAMES = ("run", "benchmark")


def print_summary(results_dir: Path, console: Console | None = None) -> None:
    """Print a row for each run and benchmark, then the path of the report.

    Runs that were trained on a part of a benchmark have one row, the mean over their splits.
    The kind of score is in the title if all rows have the same.

    Raises:
        InputError: the tables of `results_dir` are missing or damaged.
    """
    console = console or Console()
    rows = read_table(results_dir / "tables" / "scoring.csv", SCORING_COLUMNS)
    path = results_dir / "tables" / "splits.csv"
    splits = read_table(path, SPLIT_COLUMNS) if path.is_file() else []
    averaged = {row["row"] for row in splits}
    rows = [row for row in rows if re.sub(r"-seed\d+$", "", row["run"]) not in averaged]
    kinds = {str(row["score"]) for row in rows}
    columns = [*_NAMES, "n", "no score", *(["score"] if len(kinds) > 1 else []), "srcc", "plcc"]
    about = ", ".join([results_dir.name, *(kinds if len(kinds) == 1 else ())])
    table = Table(
        title=Text(f"Scores ({about})"), title_justify="left",
        box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False,
    )  # fmt: skip
    for name in columns:
        table.add_column(
            _HEADINGS.get(name, name), justify="left" if name in {*_NAMES, "score"} else "right",
            overflow="fold", no_wrap=name in _NAMES,
        )  # fmt: skip
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        unscored = sum(row[name] for name in _NOT_SCORED)
        srcc = format_cell(row["srcc"])
        if row["srcc_low"] is not None and row["srcc_high"] is not None:
            # With two decimals for the interval, the table fits into 80 columns.
            srcc += f" {row['srcc_low']:.2f}…{row['srcc_high']:.2f}"
        # In the tables, n counts labels; here it counts the videos in the correlations.
        cells = row | {"n": row["n"] - unscored, "no score": unscored, "srcc": srcc}
        new_run = following is not None and following["run"] != row["run"]
        table.add_row(*(Text(format_cell(cells[name])) for name in columns), end_section=new_run)
    for row in splits:
        values = {measure: mean_with_error(row, measure) for measure in MEASURES}
        cells = row | {"run": row["row"], "no score": None, **values}
        table.add_row(*(Text(format_cell(cells[name])) for name in columns), end_section=True)
    console.print(table)
    for row in splits:
        about = f"{row['row']}: mean of {row['splits']} splits ± standard error; each is trained on"
        console.print(f"{about} other videos than the {row['n']} that it is evaluated on")
    reasons = {word: sum(row[name] for row in rows) for name, word in _NOT_SCORED.items()}
    if any(reasons.values()):
        counts = ", ".join(f"{number} {word}" for word, number in reasons.items() if number)
        console.print(f"Not scored in all rows: {counts}", highlight=False)
    report = results_dir / "report.html"
    state = str(report) if report.is_file() else f"{report} is missing; make it with snakemake"
    console.print(f"Report: {state}", markup=False, highlight=False, soft_wrap=True)
