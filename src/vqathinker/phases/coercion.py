"""Typed text becomes what the schema of params.yaml wants at its place: number, null or text."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from vqathinker.phases.yaml12 import read_scalar

__all__ = ["coerce"]

Schema = Mapping[str, Any]

_KINDS = {bool: {"boolean"}, int: {"integer", "number"}, float: {"number"}, type(None): {"null"}}


def coerce(value: Any, schema: Schema, path: Iterable[str] = ()) -> Any:
    """`value` in which text became numbers, truth values and null, except where text is wanted.

    Args:
        value: text, or mappings and lists of it; anything else stays.
        schema: of the resolved parameters. Where it knows nothing, YAML 1.2 decides.
        path: keys under which the value stands; `scales.<scale>` counts for nothing.

    >>> schema = {"properties": {"rate": {"type": "number"}, "title": {"type": "string"}}}
    >>> coerce({"rate": "2e-6", "title": "010", "other": "010"}, schema)
    {'rate': 2e-06, 'title': '010', 'other': 10}
    """
    keys = [*path]
    if keys[:1] == ["scales"]:
        keys = keys[2:]
    elif not keys and isinstance(value, Mapping) and isinstance(value.get("scales"), Mapping):
        scales = {name: coerce(of, schema) for name, of in value["scales"].items()}
        shared = {key: below for key, below in value.items() if key != "scales"}
        return coerce(shared, schema) | {"scales": scales}
    allowed = [*_plain(schema, schema)]
    for key in keys:
        allowed = _below(allowed, key, schema)
    return _coerce(value, allowed, schema)


def _coerce(value: Any, allowed: Sequence[Schema], top: Schema) -> Any:
    if isinstance(value, Mapping):
        return {key: _coerce(of, _below(allowed, key, top), top) for key, of in value.items()}
    if isinstance(value, list):
        items = [each for one in allowed if "items" in one for each in _plain(one["items"], top)]
        return [_coerce(each, items, top) for each in value]
    if not isinstance(value, str):
        return value
    read = read_scalar(value)
    kinds = {one.get("type") for one in allowed}
    return value if "string" in kinds and not _KINDS.get(type(read), set()) & kinds else read


def _below(allowed: Iterable[Schema], key: str, top: Schema) -> list[Schema]:
    """What may stand under a key of a mapping."""
    found = [one["properties"][key] for one in allowed if key in one.get("properties", {})]
    for one in allowed:
        patterns = one.get("patternProperties", {})
        found += [of for pattern, of in patterns.items() if re.search(pattern, key)]
    return [each for one in found for each in _plain(one, top)]


def _plain(schema: Schema, top: Schema) -> Iterator[Schema]:
    """A schema's alternatives, without references."""
    if "$ref" in schema:
        yield from _plain(top["$defs"][schema["$ref"].rsplit("/", 1)[1]], top)
    elif several := schema.get("anyOf") or schema.get("oneOf"):
        for each in several:
            yield from _plain(each, top)
    else:
        yield schema
