"""Nested mappings: merge them, look up a path, list all leaves."""

import functools
import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Tree = dict[str, Any]


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> Tree:
    """`below`, overridden by `above`: mappings key by key, anything else as a whole.

    >>> merge({"a": {"x": 1, "y": 2}, "b": [1, 2]}, {"a": {"y": 3}, "b": [4]})
    {'a': {'x': 1, 'y': 3}, 'b': [4]}
    """
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(old, value) if both else value  # type: ignore[arg-type]
    return merged


def at(tree: Any, path: Sequence[Any], default: Any = None) -> Any:
    """The value at a path, or `default` if the path does not exist.

    >>> at({"a": {"b": [1, 2]}}, ["a", "b", 1]), at({"a": 1}, ["a", "b"])
    (2, None)
    """
    try:
        return functools.reduce(operator.getitem, path, tree)
    except (KeyError, IndexError, TypeError):
        return default


def only(tree: Mapping[str, Any], *keys: str) -> Tree:
    """The given keys with their values; keys that do not exist are left out."""
    return {key: tree[key] for key in keys if key in tree}


def without(tree: Mapping[str, Any], *keys: str) -> Tree:
    """All other keys with their values."""
    return {key: value for key, value in tree.items() if key not in keys}


def leaves(tree: Mapping[str, Any], *above: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Path and value of everything that is not a mapping, and of empty mappings.

    >>> list(leaves({"a": {"b": 1, "c": {}}, "d": [2]}))
    [(('a', 'b'), 1), (('a', 'c'), {}), (('d',), [2])]
    """
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, *above, key)
        else:
            yield (*above, key), value
