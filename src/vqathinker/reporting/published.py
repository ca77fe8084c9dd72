"""Published results on the paper's benchmarks: rows of data, with how sure each of them is.

`published.csv`: SRCC and PLCC of a method on a benchmark. `published_accuracy.csv`: accuracies in
percent of comparing pairs of videos, and of answering Q-Bench-Video's questions.
`published_understanding.csv`: printed values of the authors' weights on questions. `ranked` is
"no" if a method was trained on the benchmark it is tested on, or under another protocol.
"""

import csv
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vqathinker.errors import InputError, reading

METHOD = "VQAThinker"  # the row that ours is compared with
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


class PublishedRow(BaseModel):
    """One method on one benchmark."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_min_length=1)

    method: str
    training_data: str
    benchmark: str
    srcc: Correlation
    plcc: Correlation
    how_sure: Annotated[str, Field(pattern=f"^({'|'.join(HOW_SURE)})$")]
    ranked: bool
    source: str

    @property
    def key(self) -> tuple[str, ...]:
        """What the rows of one method share: name, training data, and who measured it."""
        again = self.how_sure == "independent"
        return self.method, self.training_data, "by others" if again else "as printed"


def read_published(path: Path = _FOLDER / PUBLISHED.name) -> list[PublishedRow]:
    """The published rows in the file's order.

    Raises:
        InputError: a value is missing or wrong, or a row is there twice; names the line.
    """
    rows: dict[tuple[str, ...], PublishedRow] = {}
    with reading(path, *_EXPECTED), path.open(encoding="utf-8", newline="") as file:
        for number, values in enumerate(csv.DictReader(file), start=2):
            try:
                row = PublishedRow.model_validate(values)
            except ValidationError as error:
                first = error.errors()[0]
                what = f"{first['loc'][0]} is {first['input']!r}: {first['msg']}"
                raise InputError(f"{path}, line {number}: {what}") from None
            if (key := (*row.key, row.benchmark)) in rows:
                raise InputError(f"{path}, line {number}: {', '.join(key)} is there twice")
            rows[key] = row
    return list(rows.values())


def read_published_accuracy() -> dict[tuple[str, str], float]:
    """Published accuracies of the authors' weights, 0..1, by task and part."""
    return {
        (row["task"], row["part"]): float(row["percent"]) / 100
        for row in _rows(ACCURACY)
        if row["method"] == METHOD
    }


def read_published_understanding() -> dict[tuple[str, str, str, str], float]:
    """Published values by kind of task, measure, part and name."""
    return {
        (row["kind"], row["measure"], row["part"], row["name"]): float(row["value"])
        for row in _rows(UNDERSTANDING)
    }


def _rows(path: Path) -> list[dict[str, str]]:
    with (_FOLDER / path.name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
