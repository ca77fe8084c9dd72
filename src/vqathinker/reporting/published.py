"""What others have published on the paper's benchmarks: rows of data, with how sure each is.

`published.csv`: SRCC and PLCC of a method on a benchmark. `published_accuracy.csv`: accuracies in
percent, of comparing pairs of videos and of answering Q-Bench-Video's questions.
`published_understanding.csv`: printed values of the authors' weights on questions. `ranked` is
"no" where a method was trained on the benchmark it is tested on, or under another protocol.
"""

import csv
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

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


Correlation = Annotated[float, Field(ge=-1, le=1)]
HowSure = Annotated[str, Field(pattern=f"^({'|'.join(HOW_SURE)})$")]


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_min_length=1)


class PublishedRow(_Row):
    """One method on one benchmark."""

    method: str
    training_data: str
    benchmark: str
    srcc: Correlation
    plcc: Correlation
    how_sure: HowSure
    ranked: bool
    source: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What rows of one method share: name, training data, and who measured it."""
        again = self.how_sure == "independent"
        return self.method, self.training_data, "by others" if again else "as printed"


class PublishedAccuracy(_Row):
    """One method in one part of a task."""

    method: str
    task: str
    part: str
    percent: Annotated[float, Field(ge=0, le=100)]
    how_sure: HowSure
    source: str


Row = TypeVar("Row", bound=_Row)


def read_published(path: Path = _FOLDER / PUBLISHED.name) -> list[PublishedRow]:
    """The published rows in the file's order.

    Raises:
        InputError: the file has no rows, a value is missing or wrong, or a row is there twice.
    """
    rows = _read(path, PublishedRow)
    _require_each_once(path, [(*row.key, row.benchmark) for row in rows])
    return rows


def read_published_accuracy(path: Path = _FOLDER / ACCURACY.name) -> list[PublishedAccuracy]:
    """The published accuracies in the file's order.

    Raises:
        InputError: as `read_published`.
    """
    rows = _read(path, PublishedAccuracy)
    _require_each_once(path, [(row.method, row.task, row.part) for row in rows])
    return rows


def read_published_understanding() -> dict[tuple[str, str, str, str], float]:
    """Published values by kind of task, measure, part and name."""
    with (_FOLDER / UNDERSTANDING.name).open(encoding="utf-8", newline="") as file:
        return {
            (row["kind"], row["measure"], row["part"], row["name"]): float(row["value"])
            for row in csv.DictReader(file)
        }


def _read(path: Path, row_type: type[Row]) -> list[Row]:
    rows = []
    with reading(path, *_EXPECTED), path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            try:
                rows.append(row_type.model_validate(row))
            except ValidationError as error:
                first = error.errors()[0]
                what = f"{first['loc'][0]} is {first['input']!r}: {first['msg']}"
                raise InputError(f"{path}, line {number}: {what}") from None
    if not rows:
        raise InputError(f"{path}: no rows; expected {', '.join(row_type.model_fields)}")
    return rows


def _require_each_once(path: Path, keys: list[tuple[str, ...]]) -> None:
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        raise InputError(f"{path}: {', '.join(twice[0])} is there twice; expected once")
