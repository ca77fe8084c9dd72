"""How numbers of the page are traced: what is recorded of each run, and the files behind a row."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vqathinker.evaluation.predictions import Predictions
from vqathinker.reporting.provenance import PROVENANCE, read_provenance

__all__ = ["TracedRow", "provenance_table", "traced_rows"]

_TRACED = "scoring"
_OF_ONE_BENCHMARK = {"run", "benchmark"}
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:")


class TracedRow(NamedTuple):
    """A row of the table of scores and the files that it follows from, [kind, name, sha256]."""

    row: str
    files: list[tuple[str, str, str]]


def traced_rows(tables: Path) -> list[TracedRow]:
    """Every row of `scoring`; none where no provenance was written.

    Raises:
        InputError: the provenance cannot be read.
    """
    if not (tables / f"{_TRACED}{PROVENANCE}").is_file():
        return []
    provenance = read_provenance(tables / f"{_TRACED}{PROVENANCE}")
    sources = provenance.content["sources"]
    return [
        TracedRow(row, [file for name in _listed(names) for file in _files(name, sources[name])])
        for row, names in provenance.rows.items()
    ]


def _listed(names: Sequence[str] | Mapping[str, Sequence[str]]) -> list[str]:
    """Files of a row, or of its cells, each once."""
    if isinstance(names, Mapping):
        return list(dict.fromkeys(name for of_cell in names.values() for name in of_cell))
    return list(names)


def _files(name: str, source: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    yield "metrics", name, str(source["sha256"])
    made = source.get("predictions")
    if isinstance(made, Mapping):
        yield "predictions", str(made["path"]), str(made["sha256"])
    for kind in ("policy", "manifest"):
        if kind in source:
            yield kind, "", str(source[kind])
    for clips in source.get("clips", []):
        yield "clips", "", str(clips)


def provenance_table(predictions: Mapping[str, list[Predictions]]) -> list[tuple[str, list[str]]]:
    """What is recorded of each run, key by key: only what is the same for all its benchmarks."""
    by_run = {
        run: _shared([_flat(file.provenance) for file in files])
        for run, files in predictions.items()
    }
    keys = dict.fromkeys(key for values in by_run.values() for key in values)
    return [(key, [values.get(key, "–") for values in by_run.values()]) for key in keys]


def _shared(origins: Sequence[dict[str, str]]) -> dict[str, str]:
    first = origins[0]
    return {
        key: value
        for key, value in first.items()
        if key not in _OF_ONE_BENCHMARK
        and not _TIME.match(value)
        and all(other.get(key) == value for other in origins)
    }


def _flat(tree: Mapping[str, Any], above: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{above}{key}.")
        else:
            flat[f"{above}{key}"] = str(value)
    return flat
