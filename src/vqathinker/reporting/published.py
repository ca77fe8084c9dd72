"""What others have published on the paper's benchmarks: rows of data, with how sure each is.

`published.csv`: SRCC and PLCC of a method on a benchmark. `published_accuracy.csv`: accuracies in
percent, of comparing pairs of videos and of answering Q-Bench-Video's questions. `ranked` is "no"
where a method was trained on the benchmark it is tested on, or under another protocol.
"""

import csv
import math
from collections.abc import Callable, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, NamedTuple

from vqathinker.errors import InputError, reading

__all__ = [
    "HOW_SURE",
    "METHOD",
    "PublishedAccuracy",
    "PublishedRow",
    "read_published",
    "read_published_accuracy",
]

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
_FOLDER = resources.files("vqathinker.reporting")
_REMEDY = ("published results", "give a file with the columns of src/vqathinker/reporting's own")


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


def read_published(path: Path | Traversable = _FOLDER / "published.csv") -> list[PublishedRow]:
    """The published rows in the file's order.

    Raises:
        InputError: a column is missing, a value is none that it can be, or a row is there twice.
    """
    rows = [PublishedRow(**row) for row in _read(path, PublishedRow._fields)]
    _require_each_once(path, [(*row.key, row.benchmark) for row in rows])
    return rows


def read_published_accuracy(
    path: Path | Traversable = _FOLDER / "published_accuracy.csv",
) -> list[PublishedAccuracy]:
    """The published accuracies in the file's order.

    Raises:
        InputError: as `read_published`.
    """
    rows = [PublishedAccuracy(**row) for row in _read(path, PublishedAccuracy._fields)]
    _require_each_once(path, [(row.method, row.task, row.part) for row in rows])
    return rows


def _read(path: Path | Traversable, columns: Sequence[str]) -> list[dict[str, Any]]:
    with reading(Path(str(path)), *_REMEDY):
        table = csv.DictReader(path.read_text(encoding="utf-8").splitlines())
        if table.fieldnames is None or set(table.fieldnames) != set(columns):
            raise InputError(f"{path}: has columns {table.fieldnames}, expected {list(columns)}")
        return [
            {name: _value(f"{path}, line {number}", name, row[name]) for name in columns}
            for number, row in enumerate(table, start=2)
        ]


def _value(where: str, name: str, text: str | None) -> str | float | bool:
    parse, expected = _PARSERS.get(name, (_word, "a word"))
    try:
        return parse(text or "")
    except (ValueError, KeyError):
        raise InputError(f"{where}: {name} is {text!r}, expected {expected}") from None


def _word(text: str) -> str:
    if not text.strip():
        raise ValueError(text)
    return text


def _within(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        number = float(text)
        if not (math.isfinite(number) and low <= number <= high):
            raise ValueError(text)
        return number

    return parse


def _how_sure(text: str) -> str:
    HOW_SURE[text]
    return text


_PARSERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "srcc": (_within(-1, 1), "a number from -1 to 1"),
    "plcc": (_within(-1, 1), "a number from -1 to 1"),
    "percent": (_within(0, 100), "a number from 0 to 100"),
    "how_sure": (_how_sure, f"one of {', '.join(HOW_SURE)}"),
    "ranked": (lambda text: {"yes": True, "no": False}[text], "yes or no"),
}


def _require_each_once(path: Path | Traversable, keys: Sequence[tuple[str, ...]]) -> None:
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        raise InputError(
            f"{path}: {', '.join(map(str, twice[0]))} stands there twice; expected each once"
        )
