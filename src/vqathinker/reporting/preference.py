"""Table of temporal preference: by kind of perturbation, runs side by side.

Source: docs/preference.md; what is shown is measured by `evaluation.preference`.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vqathinker.errors import InputError, read_json, reading
from vqathinker.evaluation.preference import ALL
from vqathinker.products import PREFERENCE
from vqathinker.reporting.formats import FILES, Grid, Row, Table, plain_grid

COLUMNS = (
    "run", "benchmark", "score", "kind", "n", "n_null", "preference", "low", "high", "ties",
    "difference", "difference_low", "difference_high", "reason",
)  # fmt: skip
_CHANCE = 0.5
_TITLE = "Share of clips scored above their perturbed copies"


def read_preference(paths: Sequence[Path]) -> list[Row]:
    """A row for each run on each benchmark and each kind of perturbation, with its file.

    Raises:
        InputError: a file is not what `preference` wrote, or two are of the same run and benchmark.
    """
    rows: dict[tuple[str, str], list[Row]] = {}
    for path in paths:
        content = read_json(path, *PREFERENCE)
        with reading(path, *PREFERENCE):
            pair, own = (content["run"], content["benchmark"]), list(_rows(content, path))
        if pair in rows:
            raise InputError(f"{path}: a second file of temporal preference of {pair}; give one")
        rows[pair] = own
    return [row for own in rows.values() for row in own]


def preference_table(rows: Sequence[Row]) -> Table:
    """The table `preference`: numbers as they were measured, None with a `reason` where undefined.

    For reading it has a row for each run on each benchmark, and a column for each kind.
    """
    return Table("preference", _TITLE, COLUMNS, COLUMNS[:4], rows, None, [preference_grid(rows)])


def preference_grid(rows: Iterable[Row], title: str = _TITLE) -> Grid:
    """A row for each run on each benchmark, and a column for each kind."""
    by_pair: dict[tuple[str, str], dict[str, Row]] = {}
    for row in rows:
        by_pair.setdefault((row["run"], row["benchmark"]), {})[row["kind"]] = row
    lines = [
        {
            "run": run, "benchmark": benchmark,
            **{kind: _cell(row) for kind, row in kinds.items()},
            "ties": _number(kinds[ALL]["ties"] if ALL in kinds else None),
        }
        for (run, benchmark), kinds in by_pair.items()
    ]  # fmt: skip
    return plain_grid(title, list(lines[0]) if lines else ["run", "benchmark"], lines, ())


def describe_preference(rows: Iterable[Row], run: str) -> list[str]:
    """Which copies a run prefers to clips, and which clips to copies.

    A sentence for each benchmark; a kind counts where its interval leaves one half out.
    """
    own: dict[str, list[Row]] = {}
    for row in rows:
        if row["run"] == run and row["kind"] != ALL:
            own.setdefault(row["benchmark"], []).append(row)
    sentences = []
    for benchmark, kinds in own.items():
        known = [row for row in kinds if row["low"] is not None]
        copies = [row for row in known if row["high"] < _CHANCE]
        clips = [row for row in known if row["low"] > _CHANCE]
        parts = [
            f"{what} for {', '.join(_share(row) for row in found)}"
            for what, found in (("prefers the copies", copies), ("prefers the clips", clips))
            if found
        ] or ["prefers neither clips nor copies of any kind"]
        sentences.append(
            f"On {benchmark}, {run} {'; it '.join(parts)} (share of clips above their copy; chance "
            f"is {_CHANCE:g})."
        )
    return sentences


def _rows(content: Mapping[str, Any], path: Path) -> Iterable[Row]:
    for kind, found in content["kinds"].items():
        share, difference = found["preference"], found["difference"]
        yield {
            **{name: content[name] for name in ("run", "benchmark", "score")},
            "kind": kind,
            **{name: found[name] for name in ("n", "n_null", "ties")},
            "preference": share["value"],
            **{end: share[end] for end in ("low", "high", "reason")},
            "difference": difference["value"],
            **{f"difference_{end}": difference[end] for end in ("low", "high")},
            FILES: [path],
        }


def _share(row: Row) -> str:
    return f"{str(row['kind']).replace('_', ' ')} {_cell(row)}"


def _cell(row: Row) -> str:
    if row["preference"] is None or row["low"] is None:
        return _number(row["preference"])
    return f"{_number(row['preference'])} [{_number(row['low'])}, {_number(row['high'])}]"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
