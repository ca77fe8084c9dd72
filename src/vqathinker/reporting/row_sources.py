"""Which files each row of each table comes from, told by what the row says of itself.

A row names its run, its benchmark or domain; files of that run on these benchmarks are its sources,
and those of the run that it is compared with.
A table that is not listed here is told apart by its first columns, and comes from every kind of
file: nothing is left out, and no table has to know of this.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vqathinker.errors import read_json, reading
from vqathinker.products import METRICS, TABLE
from vqathinker.reporting.provenance import Sources, row_name
from vqathinker.reporting.tables.rows import LadderRow, ladder_rows
from vqathinker.reporting.tables.scale import load_table_scale

__all__ = ["write_provenance"]

Row = Mapping[str, str]

# Columns that name a row.
_KEYS = {
    "scoring": ("run", "benchmark"),
    "overall": ("run", "domain"),
    "scores": ("run", "benchmark", "score"),
    "answers": ("run", "benchmark", "answers"),
    "measures": ("run", "benchmark", "measure"),
    "not_scored": ("run", "benchmark", "video"),
    "main": ("method", "training_data", "score", "domain", "benchmark", "how_sure"),
}
# Tables of the files of one option alone, though others of the same runs may be there.
_OPTIONS = dict.fromkeys((*_KEYS, "ladder"), "metrics") | {
    "preference": "preference",
    "attribution": "understanding",
    "understanding": "understanding",
}
_PUBLISHED = Path("vqathinker", "reporting", "published.csv")
_PUBLISHED_ACCURACY = _PUBLISHED.with_name("published_accuracy.csv")
_WITH_ACCURACY = {"measures"}  # beside ours
_NO_SOURCE = {"predictions", "manifest"}  # options whose files stand behind those of others


class _File(NamedTuple):
    path: Path
    option: str
    told: Mapping[str, Any]


def write_provenance(out_dir: Path, files: Mapping[str, Sequence[Path]], params: Path) -> None:
    """Write the provenance of every CSV in a folder of tables.

    Args:
        out_dir: the folder, with its tables.
        files: what they were made from, by the name of the command's option.
        params: params.yaml or the file of the job.

    Raises:
        InputError: a file cannot be read.
    """
    known = [
        _File(path, option, read_json(path, *METRICS) if path.suffix == ".json" else {})
        for option, paths in files.items()
        if option not in _NO_SOURCE
        for path in paths
    ]
    runs = {str(file.told["run"]) for file in known if "run" in file.told}
    rungs = ladder_rows(load_table_scale(params), runs)
    sources = Sources()
    for table in sorted(out_dir.glob("*.csv")):
        with reading(table, *TABLE), table.open(encoding="utf-8", newline="") as opened:
            lines = csv.DictReader(opened)
            rows, columns = list(lines), list(lines.fieldnames or ())
        option = _OPTIONS.get(table.stem)
        there = [file for file in known if option in {None, file.option}] or known
        key = _key_of(table.stem, columns, rows)
        told = _PUBLISHED_ACCURACY if table.stem in _WITH_ACCURACY else _PUBLISHED
        pairs = [(row, _files_of(row, _runs_of(row, rungs), there, told)) for row in rows]
        sources.write(table, key, pairs)


def _key_of(table: str, columns: Sequence[str], rows: Sequence[Row]) -> Sequence[str]:
    """The columns that name a row: those listed, or as few of the first ones as tell rows apart.

    Columns of words come before columns of numbers.
    """
    words = [name for name in columns if not any(_is_number(row[name]) for row in rows)]
    ways: list[Sequence[str]] = [_KEYS.get(table, ())]
    ways += [names[:end] for names in (words, columns) for end in range(1, len(names) + 1)]
    for key in ways:
        if key and set(key) <= set(columns) and len({row_name(r, key) for r in rows}) == len(rows):
            return key
    return columns


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _runs_of(row: Row, rungs: Sequence[LadderRow]) -> set[str]:
    """Runs that a row names; of a row of the ladder every seed, and what it is compared with."""
    named = set(row.values())
    if "seeds" in row:
        compared = "method" if row.get("difference") else None
        own = [rung for rung in rungs if rung.name in named or rung.group == compared]
        named |= {run for rung in own for run in rung.runs}
    return named


def _files_of(row: Row, runs: set[str], files: Iterable[_File], told: Path) -> list[Path]:
    published = [told] if _shows_published(row) else []
    if row.get("ours") == "no":
        return published
    listed = list(files)
    of_run = [file for file in listed if file.told.get("run") in runs] or listed
    for name in ("task", "benchmark", "domain"):
        if found := [file for file in of_run if name in row and file.told.get(name) == row[name]]:
            return [*(file.path for file in found), *published]
    return [*(file.path for file in of_run), *published]


def _shows_published(row: Row) -> bool:
    said = (cell for name, cell in row.items() if name.startswith("published"))
    return row.get("ours") == "no" or any(said)
