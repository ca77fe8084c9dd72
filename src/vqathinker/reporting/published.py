"""What others have published on the paper's benchmarks: rows of data, with how sure each is.

`published.csv`: SRCC and PLCC of a method on a benchmark. `published_accuracy.csv`: accuracies in
percent, of comparing pairs of videos and of answering Q-Bench-Video's questions.
`published_understanding.csv`: what is printed for the authors' weights on questions. `ranked` is
"no" where a method was trained on the benchmark it is tested on, or under another protocol.
"""

import csv
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

from vqathinker.errors import InputError, reading

# The row that ours is compared with.
METHOD = "VQAThinker"
HOW_SURE = {
    "group-confirmed": "printed by the same group of authors in two places",
    "group": "printed by the group of VQAThinker's authors",
    "author": "printed by the method's own authors",
    "independent": "measured again by others, from released weights or code",
    "catalogue": "copied by a public catalogue; not seen in the original",
    "third-party": "told by third parties; not seen in the original",
}
# As provenance records them, see `provenance.locate`.
PUBLISHED = Path("vqathinker", "reporting", "published.csv")
ACCURACY = PUBLISHED.with_name("published_accuracy.csv")
UNDERSTANDING = PUBLISHED.with_name("published_understanding.csv")
_FOLDER = Path(__file__).parent
_EXPECTED = ("published results", "give a file with the columns of src/vqathinker/reporting's own")


class PublishedRow(NamedTuple):
    """One method on one benchmark; correlations in -1…1."""

    method: str
    training_data: str
    benchmark: str
    srcc: float
    plcc: float
    how_sure: str
    ranked: bool
    source: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What rows of one method share: name, training data, and who measured it."""
        again = self.how_sure == "independent"
        return self.method, self.training_data, "by others" if again else "as printed"


class PublishedAccuracy(NamedTuple):
    """One method in one part of a task; accuracy in percent."""

    method: str
    task: str
    part: str
    percent: float
    how_sure: str
    source: str


def read_published(path: Path = _FOLDER / PUBLISHED.name) -> list[PublishedRow]:
    """The published rows in the file's order.

    Raises:
        InputError: a column is missing, a value is none that it can be, or a row is there twice.
    """
    rows = [PublishedRow(**row) for row in _read(path, PublishedRow)]
    _require_each_once(path, [(*row.key, row.benchmark) for row in rows])
    return rows


def read_published_accuracy(path: Path = _FOLDER / ACCURACY.name) -> list[PublishedAccuracy]:
    """The published accuracies in the file's order.

    Raises:
        InputError: as `read_published`.
    """
    rows = [PublishedAccuracy(**row) for row in _read(path, PublishedAccuracy)]
    _require_each_once(path, [(row.method, row.task, row.part) for row in rows])
    return rows


def read_published_understanding() -> dict[tuple[str, str, str, str], float]:
    """Published values by kind of task, measure, part and name."""
    with (_FOLDER / UNDERSTANDING.name).open(encoding="utf-8", newline="") as file:
        return {
            (row["kind"], row["measure"], row["part"], row["name"]): float(row["value"])
            for row in csv.DictReader(file)
        }


def _read(path: Path, row_type: type) -> list[dict[str, Any]]:
    types = get_type_hints(row_type)
    with reading(path, *_EXPECTED), path.open(encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        if set(table.fieldnames or ()) != set(types):
            raise InputError(f"{path}: has columns {table.fieldnames}, expected {list(types)}")
        return [
            {name: _value(f"{path}, line {number}", name, row[name] or "", kind)
             for name, kind in types.items()}
            for number, row in enumerate(table, start=2)
        ]  # fmt: skip


def _value(where: str, name: str, text: str, kind: type) -> str | float | bool:
    value: Any = text.strip() or None
    expected = "a word"
    if kind is bool:
        value, expected = {"yes": True, "no": False}.get(text), "yes or no"
    elif name == "how_sure":
        value, expected = text if text in HOW_SURE else None, f"one of {', '.join(HOW_SURE)}"
    elif kind is float:
        low, high = (0, 100) if name == "percent" else (-1, 1)
        expected = f"a number from {low} to {high}"
        try:
            value = number if low <= (number := float(text)) <= high else None
        except ValueError:
            value = None
    if value is None:
        raise InputError(f"{where}: {name} is {text!r}, expected {expected}")
    return value


def _require_each_once(path: Path, keys: list[tuple[str, ...]]) -> None:
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        raise InputError(f"{path}: {', '.join(twice[0])} stands there twice; expected each once")
