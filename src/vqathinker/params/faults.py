"""Validation errors of parameters and cards, one line each: key, value and expected value."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from vqathinker.phases.parameters import BASE, CLIPS, OF, RUN_SECTIONS
from vqathinker.phases.trees import at
from vqathinker.phases.words import nearest, shorten

Path = Sequence[Any]


def describe_faults(
    error: ValidationError,
    content: Any,
    models: type[BaseModel],
    locate: Callable[[Path], Path] = list,
) -> list[str]:
    """A line for each fault, which begins with its key.

    Args:
        error: of the validation.
        content: the validated value.
        models: base class of all its models; a mistyped key is compared with their fields.
        locate: maps the path in `content` to the path in the file.
    """
    texts: dict[tuple[Any, ...], list[str]] = {}
    for detail in error.errors(include_url=False):
        path = _path(detail, content)
        texts.setdefault(tuple(path), []).append(_text(detail, path, models))
    lines = [  # a union has a fault for each of its types
        f"{'.'.join(map(str, locate(path)))}{' or '.join(dict.fromkeys(found))}".lstrip(": ")
        for path, found in texts.items()
    ]
    return [*dict.fromkeys(lines)]  # a fault of a shared section comes once for each run


def _text(detail: ErrorDetails, path: Path, models: type[BaseModel]) -> str:
    kind, value = detail["type"], shorten(detail["input"])
    if kind == "missing":
        return " is missing"
    if kind == "extra_forbidden":
        hint = nearest(str(path[-1]), _fields(models))
        return f" is {value}, but there is no such parameter{hint}"
    message = detail["msg"].removeprefix("Value error, ")
    if isinstance(detail["input"], Mapping):
        return f": {message}"  # of a model as a whole
    expected = re.sub(r"^\w+ should (be )?|, unable to .*", "", message)
    expected = re.sub("a valid dictionary.*", "keys and values", expected)
    return f" is {value}, expected {expected}"


def _path(detail: ErrorDetails, content: Any) -> Path:
    """Keys that lead to the fault, without the types of unions that pydantic adds."""
    path = list[Any]()
    for number, key in enumerate(detail["loc"], start=1):
        is_missing = detail["type"] == "missing" and number == len(detail["loc"])
        if is_missing or at(content, [*path, key], ...) is not ...:  # may be None
            path.append(key)
    return path


def _fields(models: type[BaseModel]) -> Iterator[str]:
    for model in models.__subclasses__():
        yield from model.model_fields
        yield from _fields(model)


def written_path(path: Path, params: Mapping[str, Any], config: Mapping[str, Any]) -> Path:
    """Path of a resolved value in params.yaml: in the row of a run, of the scale, or shared."""
    candidates = [[*path]]
    if path[:1] == ("runs",) and len(path) > 2:
        row = at(params, path[:2])
        if isinstance(row, Mapping) and row.get(OF):  # another seed of that row
            candidates.append(["runs", row[OF], *path[2:]])
        shared = path[2] in {BASE, CLIPS, *RUN_SECTIONS}
        if shared and at(params, path) == at(params, path[2:]):
            candidates.append([*path[2:]])
    for candidate in candidates if path else []:  # a fault of all parameters has no path
        for written in (["scales", config["scale"], *candidate], candidate):
            if at(config, written, ...) is not ...:
                return written
    return candidates[-1]  # it is missing
