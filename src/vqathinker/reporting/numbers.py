"""The tables' numbers as small JSON files, one for each row: what `dvc metrics show` lists.

Nothing but numbers stands in them, no hash and no word, so that two versions can be subtracted.
"""

import csv
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from vqathinker.atomic import whole_file
from vqathinker.errors import InputError, reading
from vqathinker.products import TABLE
from vqathinker.reporting.tables.main import AVERAGES, MAIN, MEASURES
from vqathinker.reporting.tables.reading import read_lines

__all__ = ["write_numbers"]

_COUNTS = ("n", "n_missing", "n_damaged", "n_null")
_SCORES = (*_COUNTS, *(f"{name}{end}" for name in MEASURES for end in ("", "_low", "_high")))
_ESTIMATE = ("value", "low", "high")
_PREFERENCE = ("run", "benchmark", "kind", "n", "preference", "low", "high")
_QUESTIONS = ("run", "task", "measure", "part", "n", *_ESTIMATE, "chance")
_OVERALL = "overall"
_FOLDER = "runs"  # without what Snakemake leaves beside it


class _Numbers(NamedTuple):
    place: tuple[str, ...]  # run, kind of number, then what of it
    values: Mapping[str, Any]


def write_numbers(tables: Path, out_dir: Path) -> int:
    """Write what each row says into a file of its own; returns how many files.

    In runs/RUN/scores, BENCHMARK.json and average-DOMAIN.json have n, and srcc and plcc with the
    ends of their intervals; n counts rows of the label file, of which n_missing, n_damaged and
    n_null have no score. Averages come with equal weights, too. Beside them lie
    preference/BENCHMARK/KIND.json, and attribution/TASK/MEASURE.json and understanding/TASK/
    MEASURE.json over all questions: n, value, low, high. A number that is not there has no key,
    and a row without any has no file.

    Args:
        tables: the folder of tables.
        out_dir: the folder to write.

    Raises:
        InputError: a table is not there, cannot be read or lacks a column.
    """
    written = 0
    for place, values in _all_numbers(tables):
        if known := {name: value for name, value in values.items() if value is not None}:
            path = out_dir.joinpath(_FOLDER, *map(_slug, place[:-1]), f"{_slug(place[-1])}.json")
            with whole_file(path) as part:
                part.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
            written += 1
    return written


def _all_numbers(tables: Path) -> Iterator[_Numbers]:
    yield from _scores(tables / "main.csv")
    for row in _rows(tables / "preference.csv", _PREFERENCE):
        found = [_number(row[name]) for name in ("preference", "low", "high")]
        values = {"n": _number(row["n"]), **dict(zip(_ESTIMATE, found, strict=True))}
        yield _Numbers((row["run"], "preference", row["benchmark"], row["kind"]), values)
    for name in ("attribution", "understanding"):
        for row in _rows(tables / f"{name}.csv", _QUESTIONS):
            if row["part"] == _OVERALL:
                values = {key: _number(row[key]) for key in ("n", *_ESTIMATE, "chance")}
                yield _Numbers((row["run"], name, row["task"], row["measure"]), values)


def _scores(main: Path) -> Iterator[_Numbers]:
    """Of each run the kind of score that the tables show: the first that it has lines of."""
    shown: dict[str, str] = {}
    for line in read_lines(main, MAIN):
        run, place = str(line["method"]), str(line["benchmark"])
        if line["ours"] and shown.setdefault(run, line["score"]) == line["score"]:
            name = f"{place} {line['domain']}" if place in AVERAGES else place
            scored = line["srcc"] is not None
            yield _Numbers((run, "scores", name), {key: line[key] for key in _SCORES if scored})


def _rows(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    with reading(path, *TABLE), path.open(encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        lacking = [name for name in columns if name not in (table.fieldnames or ())]
        if not lacking:
            return list(table)
    raise InputError(f"{path}: has no column {', '.join(lacking)}; expected {TABLE}")


def _number(cell: str) -> float | int | None:
    """What a cell says.

    >>> _number("12"), _number("0.5"), _number("")
    (12, 0.5, None)
    """
    if not cell:
        return None
    return int(cell) if cell.isdecimal() else float(cell)


def _slug(words: str) -> str:
    """A name of a file.

    >>> _slug("average, equal weights in-domain")
    'average-equal-weights-in-domain'
    """
    return re.sub(r"[^\w.]+", "-", words)
