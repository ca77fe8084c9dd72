"""Table of temporal preference: by kind of perturbation, runs side by side.

docs/preference.md explains it; `evaluation.preference` measures it.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from vqathinker.evaluation.preference import ALL
from vqathinker.products import PREFERENCE
from vqathinker.reporting.formats import FILES, Grid, Row, Table, plain_grid, read_measured

COLUMNS = (
    "run", "benchmark", "score", "kind", "n", "n_null", "preference", "low", "high", "ties",
    "difference", "difference_low", "difference_high", "reason",
)  # fmt: skip
_TITLE = "Share of clips scored above their perturbed copies"


def read_preference(paths: Sequence[Path]) -> list[Row]:
    """A row for each run, benchmark and kind of perturbation, with its file.

    Raises:
        InputError: a file is not what `preference` wrote, or two are of the same run and benchmark.
    """
    rows: list[Row] = []
    found = read_measured(paths, PREFERENCE, ("run", "benchmark"), ("score", "kinds"))
    for (run, benchmark), content in found.items():
        for kind, own in content["kinds"].items():
            share, difference = own["preference"], own["difference"]
            rows.append({
                "run": run, "benchmark": benchmark, "score": content["score"], "kind": kind,
                **{name: own[name] for name in ("n", "n_null", "ties")},
                "preference": share["value"],
                **{end: share[end] for end in ("low", "high", "reason")},
                "difference": difference["value"],
                **{f"difference_{end}": difference[end] for end in ("low", "high")},
                FILES: content[FILES],
            })  # fmt: skip
    return rows


def preference_table(rows: Sequence[Row]) -> Table:
    """The table `preference`: numbers as measured, None with a `reason` if undefined."""
    return Table("preference", _TITLE, COLUMNS, COLUMNS[:4], rows, None, [preference_grid(rows)])


def preference_grid(rows: Iterable[Row], title: str = _TITLE) -> Grid:
    """A row for each run on each benchmark, and a column for each kind."""
    lines: dict[tuple[str, str], dict[str, str]] = {}
    ties: dict[tuple[str, str], str] = {}
    for row in rows:
        pair = row["run"], row["benchmark"]
        lines.setdefault(pair, {"run": pair[0], "benchmark": pair[1]})[row["kind"]] = _cell(row)
        if row["kind"] == ALL:
            ties[pair] = _number(row["ties"])
    shown = [{**line, "ties": ties.get(pair, "–")} for pair, line in lines.items()]
    return plain_grid(title, list(shown[0]) if shown else ["run", "benchmark"], shown, ())


def _cell(row: Row) -> str:
    if row["preference"] is None or row["low"] is None:
        return _number(row["preference"])
    return f"{_number(row['preference'])} [{_number(row['low'])}, {_number(row['high'])}]"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
