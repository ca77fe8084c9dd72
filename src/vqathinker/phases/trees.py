"""Mappings of mappings: what stands at a path, and everything that stands at the end of one."""

import functools
import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["at", "leaves"]


def at(tree: Any, path: Sequence[Any]) -> Any:
    """What stands at a path; None where the path leads nowhere.

    >>> at({"a": {"b": [1, 2]}}, ["a", "b", 1]), at({"a": 1}, ["a", "b"])
    (2, None)
    """
    try:
        return functools.reduce(operator.getitem, path, tree)
    except (KeyError, IndexError, TypeError):
        return None


def leaves(tree: Mapping[str, Any], *above: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Path and value of all that is no mapping, or an empty one.

    >>> list(leaves({"a": {"b": 1, "c": {}}, "d": [2]}))
    [(('a', 'b'), 1), (('a', 'c'), {}), (('d',), [2])]
    """
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, *above, key)
        else:
            yield (*above, key), value
