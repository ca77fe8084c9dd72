"""Published results on the paper's benchmarks, with the type of their source.

`published.csv`: SRCC and PLCC of a method on a benchmark. `published_accuracy.csv`: accuracies in
percent for comparing pairs of videos and for answering Q-Bench-Video's questions.
`published_understanding.csv`: values that were published for the authors' weights on questions.
`comparable` is "no" if a method was trained on the benchmark itself, or tested under another
protocol.
"""

from pathlib import Path
from typing import Any

from vqathinker.reporting.formats import read_table

PAPER_METHOD = "VQAThinker"  # the method of the paper, which our runs are compared with
SOURCE_TYPES = {
    "group-confirmed": "published by VQAThinker's group in two places",
    "group": "published by VQAThinker's group",
    "author": "published by the method's authors",
    "independent": "measured by others with the released weights or code",
    "catalogue": "copied from a public catalogue; original not checked",
    "third-party": "reported by third parties; original not checked",
}
# Paths as in provenance.json, see `provenance.locate`.
PUBLISHED = Path("vqathinker", "reporting", "published.csv")
ACCURACY = PUBLISHED.with_name("published_accuracy.csv")
UNDERSTANDING = PUBLISHED.with_name("published_understanding.csv")


def read_published() -> list[dict[str, Any]]:
    """The published rows, in the order of the file."""
    return _rows(PUBLISHED)


def read_published_accuracy() -> dict[tuple[str, str], float]:
    """Published accuracies of the authors' weights, in 0…1, by task and part."""
    return {
        (row["task"], row["part"]): row["percent"] / 100
        for row in _rows(ACCURACY)
        if row["method"] == PAPER_METHOD
    }


def read_published_understanding() -> dict[tuple[str, str, str, str], float]:
    """Published values of the authors' weights, by kind of task, measure, part and name."""
    return {
        (row["kind"], row["measure"], row["part"], row["name"] or ""): row["value"]
        for row in _rows(UNDERSTANDING)
    }


def _rows(path: Path) -> list[dict[str, Any]]:
    return read_table(Path(__file__).with_name(path.name))
