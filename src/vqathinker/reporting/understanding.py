"""Tables of quality understanding: distortion attribution, and questions on quality.

`attribution` has the tasks that ask which degradation is the worst, `understanding` all others,
with a row for each run, task, measure and part. A task without a value has a row with the reason.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from vqathinker.params import TaskParams, UnderstandingParams
from vqathinker.products import UNDERSTANDING
from vqathinker.reporting.formats import FILES, Row, Table, read_measured
from vqathinker.reporting.published import UNDERSTANDING as PUBLISHED
from vqathinker.reporting.published import read_published_understanding

COLUMNS = ("run", "task", "reading", "measure", "part", "name", "n", "n_failed", "value", "low",
           "high", "chance", "majority", "published", "reason")  # fmt: skip
_ATTRIBUTION = ("made", "finevd")


def understanding_tables(
    params: UnderstandingParams, runs: Iterable[str], measures: Sequence[Path]
) -> list[Table]:
    """The tables `attribution` and `understanding`.

    Every task of `params` has rows for each of `runs`: those of `measures`, JSON files, or an empty
    one with the reason. `published` is what others print for the authors' weights.

    Raises:
        InputError: two files are of the same run and task, or one is not a file of measures.
    """
    found = read_measured(measures, UNDERSTANDING, ("run", "task"), ("reading", "rows"))
    published = read_published_understanding()
    rows: dict[str, list[Row]] = {"attribution": [], "understanding": []}
    for run in runs:
        for name, task in params.tasks.items():
            content = found.get((run, name), {"rows": [_absent(task)], FILES: []})
            head = {"run": run, "task": name, "reading": content.get("reading")}
            for row in content["rows"]:
                theirs = published.get((task.kind, row["measure"], row["part"], row["name"]))
                files = [*content[FILES], *([] if theirs is None else [PUBLISHED])]
                known = {**dict.fromkeys(COLUMNS), **row, **head, "published": theirs, FILES: files}
                rows["attribution" if task.kind in _ATTRIBUTION else "understanding"].append(known)
    return [Table(name, name.title(), COLUMNS, COLUMNS[:6], own, 9) for name, own in rows.items()]


def _absent(task: TaskParams) -> Row:
    return {
        "measure": "accuracy", "part": "overall", "name": "",
        "reason": f"not asked: {task.set}, or what the run is trained on, is not there; "
        f"`vqathinker data status` says what you do, `vqathinker data fetch {task.set}` brings it",
    }  # fmt: skip
