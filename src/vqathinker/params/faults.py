"""Validation errors of parameters and cards, one line each: key, value and expected value."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from vqathinker.phases.parameters import BASE, CLIPS, OF, RUN_SECTIONS
from vqathinker.phases.trees import at, holds
from vqathinker.phases.words import nearest, shorten


def describe_faults(
    error: ValidationError, content: Any, models: type[BaseModel], above: str = ""
) -> list[str]:
    """A line for each fault, which begins with its key.

    Args:
        error: of the validation.
        content: the validated value.
        models: base class of all its models; a mistyped key is compared with their fields.
        above: key of the content, if any.
    """
    faults = _faults_by_path(error, content, models)
    return [_line([above, *path] if above else path, text) for path, text in faults]


def faults_of(
    error: ValidationError,
    params: Mapping[str, Any],
    config: Mapping[str, Any],
    models: type[BaseModel],
) -> list[str]:
    """A line for each fault of resolved parameters, which begins with its key in `config`.

    Args:
        error: of the validation.
        params: resolved parameters, see `phases.parameters.resolve`.
        config: the content of params.yaml that was resolved.
        models: as in `describe_faults`.
    """
    faults = _faults_by_path(error, params, models)
    lines = (_line(_written_path(path, params, config), text) for path, text in faults)
    return [*dict.fromkeys(lines)]  # a fault of a shared section comes once for each run


def _line(path: Sequence[Any], text: str) -> str:
    return f"{'.'.join(map(str, path))}{text}".lstrip(": ")


def _faults_by_path(
    error: ValidationError, content: Any, models: type[BaseModel]
) -> list[tuple[list[Any], str]]:
    texts: dict[tuple[Any, ...], list[str]] = {}
    for detail in error.errors(include_url=False):
        path, text = _fault(detail, content, models)
        texts.setdefault(tuple(path), []).append(text)
    # A union has a fault for each of its types.
    return [([*path], " or ".join(dict.fromkeys(found))) for path, found in texts.items()]


def _fault(detail: ErrorDetails, content: Any, models: type[BaseModel]) -> tuple[list[Any], str]:
    kind, context, path = detail["type"], detail.get("ctx", {}), _path(detail, content)
    if kind.startswith("union_tag"):  # of the `kind` of a model
        path.append(context["discriminator"].strip("'"))
    if kind in {"missing", "union_tag_not_found"}:
        return path, " is missing"
    value = shorten(context.get("tag", detail["input"]))
    if kind == "extra_forbidden":
        hint = nearest(str(path[-1]), _fields(models))
        return path, f" is {value}, but there is no such parameter{hint}"
    message = detail["msg"].removeprefix("Value error, ")
    if kind == "union_tag_invalid":
        message = f"one of {context['expected_tags']}"
    elif kind in {"model_type", "model_attributes_type"}:
        message = "keys and values"
    expected = re.sub(r"^\w+ should (be |have )?|, unable to .*| after validation, .*", "", message)
    expected = expected.replace("match pattern", "text that matches")
    if detail["loc"][-1:] == ("[key]",):
        return path, f" is not a valid name, expected {expected}"
    if kind == "value_error" and isinstance(detail["input"], Mapping):
        return path, f": {expected}"  # of a model as a whole
    return path, f" is {value}, expected {expected}"


def _path(detail: ErrorDetails, content: Any) -> list[Any]:
    """Keys that lead to the fault, without the types of unions that pydantic adds."""
    path = list[Any]()
    for number, key in enumerate(detail["loc"], start=1):
        is_missing = detail["type"] == "missing" and number == len(detail["loc"])
        if is_missing or holds(content, [*path, key]):
            path.append(key)
    return path


def _fields(models: type[BaseModel]) -> Iterator[str]:
    for model in models.__subclasses__():
        yield from model.model_fields
        yield from _fields(model)


def _written_path(
    path: Sequence[Any], params: Mapping[str, Any], config: Mapping[str, Any]
) -> Sequence[Any]:
    """Path of a value in the file: in the row of a run, of the scale, or in a shared section."""
    candidates = [path]
    if path[:1] == ["runs"] and len(path) > 2:
        row = at(params, path[:2])
        if isinstance(row, Mapping) and row.get(OF):  # another seed of that row
            candidates.append(["runs", row[OF], *path[2:]])
        shared = path[2] in {BASE, CLIPS, *RUN_SECTIONS}
        if shared and at(params, path) == at(params, path[2:]):
            candidates.append(path[2:])
    for candidate in candidates if path else []:  # a fault of all parameters has no path
        for written in (["scales", config["scale"], *candidate], candidate):
            if holds(config, written):
                return written
    return candidates[-1]  # it is missing
