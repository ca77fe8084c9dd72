"""Validation errors of parameters and cards, one line each: key, value and expected value."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from vqathinker.phases.hints import nearest, shorten
from vqathinker.phases.parameters import RUN_SECTIONS
from vqathinker.phases.trees import at

Path = Sequence[Any]


def describe_errors(
    error: ValidationError,
    content: Any,
    models: type[BaseModel],
    locate: Callable[[Path], Path] = list,
) -> list[str]:
    """One line for each error, which begins with its key.

    Args:
        error: raised by the validation.
        content: the validated value.
        models: base class of its models. An unknown key is compared with all their fields.
        locate: maps the path in `content` to the path in the file.
    """
    messages: dict[tuple[Any, ...], list[str]] = {}
    for detail in error.errors(include_url=False):
        path = _path(detail, content)
        messages.setdefault(tuple(path), []).append(_message(detail, path, models))
    lines = [  # a union has an error for each of its types
        f"{'.'.join(map(str, locate(path)))}{' or '.join(dict.fromkeys(several))}".lstrip(": ")
        for path, several in messages.items()
    ]
    return [*dict.fromkeys(lines)]  # an error in a shared section occurs in every run


def _message(detail: ErrorDetails, path: Path, models: type[BaseModel]) -> str:
    kind, value = detail["type"], shorten(detail["input"])
    if kind == "missing":
        return " is missing"
    if kind == "extra_forbidden":
        hint = nearest(str(path[-1]), _fields(models))
        return f" is {value}, but there is no such parameter{hint}"
    message = detail["msg"].removeprefix("Value error, ")
    if isinstance(detail["input"], Mapping):
        return f": {message}"  # about a model as a whole
    expected = re.sub(r"^\w+ should (be )?|, unable to .*", "", message)
    expected = re.sub("a valid dictionary.*", "keys and values", expected)
    return f" is {value}, expected {expected}"


def _path(detail: ErrorDetails, content: Any) -> Path:
    """Keys that lead to the error, without the names of union members that pydantic adds."""
    path = list[Any]()
    for number, key in enumerate(detail["loc"], start=1):
        is_missing = detail["type"] == "missing" and number == len(detail["loc"])
        if is_missing or at(content, [*path, key], ...) is not ...:  # the value may be None
            path.append(key)
    return path


def _fields(models: type[BaseModel]) -> Iterator[str]:
    for model in models.__subclasses__():
        yield from model.model_fields
        yield from _fields(model)


def path_in_file(path: Path, params: Mapping[str, Any], config: Mapping[str, Any]) -> Path:
    """Path of a resolved value in params.yaml: in a row of `runs`, in the scale, or shared."""
    candidates = [[*path]]
    if path[:1] == ("runs",) and len(path) > 2:
        row = at(params, path[:2])
        if isinstance(row, Mapping) and row.get("of"):  # the row is another seed of that one
            candidates.append(["runs", row["of"], *path[2:]])
        shared = path[2] in {"base", "clips", *RUN_SECTIONS}
        if shared and at(params, path) == at(params, path[2:]):
            candidates.append([*path[2:]])
    for candidate in candidates if path else []:  # an error about all parameters has no path
        for located in (["scales", config["scale"], *candidate], candidate):
            if at(config, located, ...) is not ...:
                return located
    return candidates[-1]  # the key is missing in the file
