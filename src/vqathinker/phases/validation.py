"""What is wrong with parameters, each thing in one line: key, value, what is allowed.

By jsonschema, which Snakemake brings along: the Snakefile checks all of params.yaml before a job
starts, a command its own section.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jsonschema import Draft202012Validator, ValidationError

from vqathinker.phases.parameters import BASE, CLIPS, RUN_SECTIONS
from vqathinker.phases.rows import OF
from vqathinker.phases.trees import at
from vqathinker.phases.words import nearest

__all__ = ["describe", "faults_by_path", "faults_of", "shorten"]

Schema = Mapping[str, Any]

_LONGEST = 60
_TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "keys and values",
    "null": "null",
}
_BOUNDS = {
    "minimum": "of at least {}",
    "exclusiveMinimum": "above {}",
    "maximum": "of at most {}",
    "minItems": "of at least {} items",
    "minLength": "of at least {} characters",
    "pattern": "of the form {}",
}


def faults_by_path(value: Any, schema: Schema) -> list[tuple[list[Any], str]]:
    """Where a value is not what its schema allows, and in what way, sorted by path."""
    errors = Draft202012Validator(schema).iter_errors(value)
    # There is an error for each missing key of an object, and each of them lists them all.
    found = {
        (*path, text): (path, text) for error in errors for path, text in _lines(error, schema)
    }
    return sorted(found.values(), key=lambda line: [str(part) for part in line[0]])


def faults_of(
    params: Mapping[str, Any], config: Mapping[str, Any], schema: Schema, source: str
) -> list[str]:
    """One line for each fault, without repetition; empty where all is well.

    Args:
        params: resolved parameters, see `resolve`.
        config: what they were resolved from: a fault is named by the key that was written.
        schema: of the resolved parameters.
        source: the file or files that they come from, for the messages.
    """
    faults = {
        f"{source}: {'.'.join(map(str, _as_written(path, config)))} {text}": None
        for path, text in faults_by_path(params, schema)
        if not _is_repeated(path, params)
    }
    complete = set(config["scales"][config["scale"]])
    for name, rows in config["scales"].items():
        if name != config["scale"] and not complete & set(rows or {}) >= {"data", "runs"}:
            others = [other for other in config["scales"] if other != name]
            hint = nearest(name, others)
            faults[f"{source}: scales.{name} has no data and runs, so it is no scale{hint}"] = None
    return list(faults)


def _lines(error: ValidationError, schema: Schema) -> Iterator[tuple[list[Any], str]]:
    """Path and complaint; several for an object with several unknown or missing keys."""
    path, rule = list(error.absolute_path), error.schema
    if error.validator == "additionalProperties":
        yield from _unknown_keys(path, error.instance, rule)
    elif error.validator == "required":
        for key in [key for key in error.validator_value if key not in error.instance]:
            allowed = describe(rule["properties"][key], schema)
            yield [*path, key], f"is missing, expected {allowed}"
    elif error.validator in {"anyOf", "oneOf"} and (inner := _meant(error)):
        for each in inner:
            yield from _lines(each, schema)
    else:
        about = f" ({rule['description']})" if "description" in rule else ""
        yield path, f"is {shorten(error.instance)}, expected {describe(rule, schema)}{about}"


def _unknown_keys(
    path: list[Any], given: Mapping[Any, Any], rule: Schema
) -> Iterator[tuple[list[Any], str]]:
    known, forms = rule.get("properties", {}), rule.get("patternProperties", {})
    for key in given.keys() - known.keys():
        if not any(re.search(form, str(key)) for form in forms):
            text = "is not a valid name; expected " + " or ".join(forms)
            if not forms:
                text = f"is {shorten(given[key])}, but there is no such parameter"
            yield [*path, key], text + nearest(str(key), known)


def _meant(error: ValidationError) -> list[ValidationError]:
    """Errors of the alternative that was meant: of the right type and, where it has one, kind.

    Where no alternative is of that kind, all that is wrong is the kind.
    """
    alternatives: dict[int, list[ValidationError]] = {}
    for inner in error.context or []:
        alternatives.setdefault(int(inner.relative_schema_path[0]), []).append(inner)
    of_type = [
        found
        for found in alternatives.values()
        if not any(not inner.relative_path and inner.validator == "type" for inner in found)
    ]
    kinds = [[inner for inner in found if inner.validator == "const"] for found in of_type]
    of_kind = [found for found, wrong in zip(of_type, kinds, strict=True) if not wrong]
    if of_kind or not any(kinds):
        return (of_kind or of_type or [[]])[0]
    first = kinds[0][0]
    first.validator, first.schema = "enum", {"enum": [wrong[0].schema["const"] for wrong in kinds]}
    return [first]


def describe(schema: Schema, top: Schema) -> str:
    """What a schema allows, in words."""
    while "$ref" in schema:
        schema = top["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(describe(each, top) for each in schema[several]))
    bounds = [form.format(schema[key]) for key, form in _BOUNDS.items() if key in schema]
    said = " ".join([_TYPES.get(schema.get("type", ""), "another value"), *bounds])
    if schema.get("type") == "array" and "items" in schema:
        said += f", each {describe(schema['items'], top)}"
    return said


def _is_repeated(path: Sequence[Any], params: Mapping[str, Any]) -> bool:
    """Whether a run's fault is that of a shared section or of the row that it is a further seed of,
    which is told by itself.
    """
    if len(path) < 3 or path[0] != "runs":
        return False
    if at(params, [*path[:2], OF]) is not None:
        return path[2] not in {"seed", "group", OF}
    return path[2] in {BASE, CLIPS, *RUN_SECTIONS} and at(params, path) == at(params, path[2:])


def _as_written(path: list[Any], config: Mapping[str, Any]) -> list[Any]:
    """The key under which a value stands in the file: the scale's own, or the shared one."""
    of_scale = ["scales", config["scale"], *path]
    *above, key = of_scale
    held = at(config, above)
    return of_scale if isinstance(held, Mapping) and key in held else path


def shorten(value: Any) -> str:
    """A value as it could stand in the file, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
