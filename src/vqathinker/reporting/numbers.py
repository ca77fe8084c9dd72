"""The numbers of the tables as small JSON files, one per row, for `dvc metrics show`.

They contain only numbers, without hashes or text, so that two versions can be compared.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vqathinker.reporting.formats import COUNT_COLUMNS, MEASURES, read_table, write_text
from vqathinker.reporting.main_table import AVERAGES, MAIN_COLUMNS
from vqathinker.reporting.splits import SPLIT_COLUMNS

_SCORES = (*COUNT_COLUMNS, *(f"{name}{end}" for name in MEASURES for end in ("", "_low", "_high")))
_SPLITS = ("splits", "n", *(f"{name}{end}" for name in MEASURES for end in ("", "_error")))
_PREFERENCE = ("run", "benchmark", "kind", "n", "preference", "low", "high")
_QUESTIONS = ("run", "task", "measure", "part", "n", "value", "low", "high", "chance")


def write_numbers(tables: Path, out_dir: Path) -> int:
    """Write the numbers of each row into a separate file; returns the number of files.

    runs/RUN/scores contains BENCHMARK.json and average-DOMAIN.json with n, and srcc and plcc with
    the ends of their intervals; n counts rows of the label file, of which n_missing, n_damaged and
    n_no_score have no score. splits/BENCHMARK.json has the means over splits with their errors.
    preference/BENCHMARK/KIND.json, attribution/TASK/MEASURE.json and
    understanding/TASK/MEASURE.json have n, value, low and high over all pairs or questions. An
    undefined number has no key, and a row without numbers has no file.

    Raises:
        InputError: a table is missing, cannot be read or lacks a column.
    """
    written = 0
    (out_dir / "runs").mkdir(parents=True, exist_ok=True)  # also if no number is defined
    for (*folders, name), values in _all_numbers(tables):
        if known := {key: value for key, value in values.items() if value is not None}:
            # Snakemake adds a file to its output folder, so the numbers are in a folder below it.
            path = out_dir.joinpath("runs", *map(_slug, folders), f"{_slug(name)}.json")
            write_text(path, json.dumps(known, indent=1) + "\n")
            written += 1
    return written


def _all_numbers(tables: Path) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Run, folders and file name, with the numbers of the file."""
    kinds: dict[str, str] = {}
    for row in read_table(tables / "main.csv", MAIN_COLUMNS):
        run, name = str(row["method"]), str(row["benchmark"])
        # The first lines of a run have the kind of score that the tables show.
        if row["ours"] and kinds.setdefault(run, row["score"]) == row["score"]:
            name += f" {row['domain']}" if name in AVERAGES else ""
            if row["srcc"] is not None:
                yield (run, "scores", name), {key: row[key] for key in _SCORES}
    splits = tables / "splits.csv"
    for row in read_table(splits, SPLIT_COLUMNS) if splits.is_file() else []:
        yield (row["row"], "splits", row["benchmark"]), {key: row[key] for key in _SPLITS}
    for row in read_table(tables / "preference.csv", _PREFERENCE):
        values = {"n": row["n"], "value": row["preference"], "low": row["low"], "high": row["high"]}
        yield (row["run"], "preference", row["benchmark"], row["kind"]), values
    for name in ("attribution", "understanding"):
        for row in read_table(tables / f"{name}.csv", _QUESTIONS):
            if row["part"] == "overall":
                values = {key: row[key] for key in _QUESTIONS[4:]}
                yield (row["run"], name, row["task"], row["measure"]), values


def _slug(words: str) -> str:
    """Text with only characters that are safe in a file name.

    >>> _slug("average, equal weights in-domain")
    'average-equal-weights-in-domain'
    """
    return re.sub(r"[^\w.]+", "-", words)
