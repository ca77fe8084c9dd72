"""The file of a policy's answers to the questions of a task: a parquet table that knows its origin.

Columns: `question` (its number), `video` (id; of two, joined by `_cat_`), `kind` (of the question),
`asked` (its words, options as shown), `shown` (options in that order, empty without), `completion`
(null where nothing is generated), `status` (see `reading.STATUSES`), `said` (the option that was
named, or the words of an open answer; null unless ok), `score` (of a rating), `chances` (log
probability of each option as shown, where the likeliest is taken). No right answer stands in it.
The schema's metadata holds, under `provenance`, a JSON object with at least `run` and `task`.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from vqathinker.atomic import whole_file
from vqathinker.errors import InputError, reading
from vqathinker.products import ANSWERS

__all__ = ["Answers", "read_answers", "write_answers"]

_SCHEMA = pa.schema(
    {
        "question": pa.int64(),
        "video": pa.string(),
        "kind": pa.string(),
        "asked": pa.string(),
        "shown": pa.list_(pa.string()),
        "completion": pa.string(),
        "status": pa.string(),
        "said": pa.string(),
        "score": pa.float64(),
        "chances": pa.list_(pa.float64()),
    }
)
_KEY = b"provenance"


class Answers(NamedTuple):
    """One row a question that was asked, by its number, and where the rows come from."""

    rows: list[dict[str, Any]]
    provenance: dict[str, Any]

    @property
    def run(self) -> str:
        """The run whose policy spoke."""
        return str(self.provenance["run"])

    @property
    def task(self) -> str:
        """The task that was asked."""
        return str(self.provenance["task"])


def write_answers(path: Path, rows: list[dict[str, Any]], provenance: dict[str, Any]) -> None:
    """Write answers in the order of their questions."""
    ordered = sorted(rows, key=lambda row: row["question"])
    origin = {_KEY: json.dumps(provenance, ensure_ascii=False, sort_keys=True).encode()}
    told = pa.Table.from_pylist(ordered, schema=_SCHEMA)
    with whole_file(path) as part:
        pq.write_table(told.replace_schema_metadata(origin), part)


def read_answers(path: Path) -> Answers:
    """Read answers with their provenance.

    Raises:
        InputError: it is no such file, or lacks a column or its provenance.
    """
    with reading(path, *ANSWERS):
        table = pq.read_table(path)
        provenance = json.loads((table.schema.metadata or {}).get(_KEY, b"{}"))
    lacking = [f"column {name}" for name in _SCHEMA.names if name not in table.column_names]
    lacking += [f"provenance of {key}" for key in ("run", "task") if key not in provenance]
    if lacking:
        raise InputError(f"{path}: no {', no '.join(lacking)}; expected {ANSWERS}")
    return Answers(table.to_pylist(), provenance)
