"""Published results on the paper's benchmarks: rows of data, with how sure each of them is.

`published.csv`: SRCC and PLCC of a method on a benchmark. `published_accuracy.csv`: accuracies in
percent of comparing pairs of videos, and of answering Q-Bench-Video's questions.
`published_understanding.csv`: printed values of the authors' weights on questions. `ranked` is
"no" if a method was trained on the benchmark it is tested on, or under another protocol.
"""

from pathlib import Path
from typing import Any

from vqathinker.reporting.formats import read_table

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


def read_published() -> list[dict[str, Any]]:
    """The published rows in the file's order."""
    return _rows(PUBLISHED)


def read_published_accuracy() -> dict[tuple[str, str], float]:
    """Published accuracies of the authors' weights, 0..1, by task and part."""
    return {
        (row["task"], row["part"]): row["percent"] / 100
        for row in _rows(ACCURACY)
        if row["method"] == METHOD
    }


def read_published_understanding() -> dict[tuple[str, str, str, str], float]:
    """Published values by kind of task, measure, part and name."""
    return {
        (row["kind"], row["measure"], row["part"], row["name"] or ""): row["value"]
        for row in _rows(UNDERSTANDING)
    }


def _rows(path: Path) -> list[dict[str, Any]]:
    return read_table(Path(__file__).with_name(path.name))
