"""One line of what was measured on a task."""

from typing import Any

__all__ = ["COLUMNS", "Row", "row_of"]

# n: questions (or answers) that the value is over, n_failed: of these without a readable answer;
# value with low and high, its 95 % interval; chance: what knowing nothing has; reason: why there is
# no value.
COLUMNS = ("measure", "part", "name", "n", "n_failed", "value", "low", "high", "chance",
           "majority", "reason")  # fmt: skip

Row = dict[str, Any]


def row_of(measure: str, part: str, name: str, **known: Any) -> Row:
    """A row with what is known of it, and None in all other columns.

    >>> row_of("accuracy", "overall", "", n=3)["value"] is None
    True
    """
    blank: Row = dict.fromkeys(COLUMNS)
    return blank | {"measure": measure, "part": part, "name": name, **known}
