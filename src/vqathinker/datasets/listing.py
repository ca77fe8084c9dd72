"""Long lists in messages: the first names, and how many more there are."""

from collections.abc import Sequence

__all__ = ["join_first"]


def join_first(items: Sequence[str], most: int) -> str:
    """The items with commas between them, at most so many.

    >>> join_first(["a", "b", "c"], 3), join_first(["a", "b", "c"], 1)
    ('a, b, c', 'a and 2 more')
    """
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more
