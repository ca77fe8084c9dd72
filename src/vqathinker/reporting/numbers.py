"""The tables' numbers as small JSON files, one for each row: what `dvc metrics show` lists.

They hold only numbers, no hashes and no words, so that two versions can be subtracted.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vqathinker.atomic import whole_file
from vqathinker.reporting.formats import COUNTS, MEASURES, Row, read_table
from vqathinker.reporting.main_table import AVERAGES, MAIN

_SCORES = (*COUNTS, *(f"{name}{end}" for name in MEASURES for end in ("", "_low", "_high")))
_ESTIMATE = ("value", "low", "high")
_PREFERENCE = ("run", "benchmark", "kind", "n", "preference", "low", "high")
_QUESTIONS = ("run", "task", "measure", "part", "n", *_ESTIMATE, "chance")
_OVERALL = "overall"
_FOLDER = "runs"  # without what Snakemake leaves beside it


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


def _all_numbers(tables: Path) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Run, kind of number and what of it, with the values."""
    yield from _scores(tables / "main.csv")
    for row in read_table(tables / "preference.csv", _PREFERENCE):
        values = {"n": row["n"], "value": row["preference"], "low": row["low"], "high": row["high"]}
        yield (row["run"], "preference", row["benchmark"], row["kind"]), values
    for name in ("attribution", "understanding"):
        for row in read_table(tables / f"{name}.csv", _QUESTIONS):
            if row["part"] == _OVERALL:
                values = {key: row[key] for key in ("n", *_ESTIMATE, "chance")}
                yield (row["run"], name, row["task"], row["measure"]), values


def _scores(main: Path) -> Iterator[tuple[tuple[str, ...], Row]]:
    """Of each run the kind of score that the tables show: the first that it has lines of."""
    kinds: dict[str, str] = {}
    for line in read_table(main, MAIN):
        run, place = str(line["method"]), str(line["benchmark"])
        if line["ours"] and kinds.setdefault(run, line["score"]) == line["score"]:
            name = f"{place} {line['domain']}" if place in AVERAGES else place
            if line["srcc"] is not None:
                yield (run, "scores", name), {key: line[key] for key in _SCORES}


def _slug(words: str) -> str:
    """A name of a file.

    >>> _slug("average, equal weights in-domain")
    'average-equal-weights-in-domain'
    """
    return re.sub(r"[^\w.]+", "-", words)
