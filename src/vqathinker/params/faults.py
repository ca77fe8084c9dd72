"""What is wrong with parameters or a card, each thing in one line: key, value, what is allowed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from vqathinker.phases.parameters import BASE, CLIPS, RUN_SECTIONS
from vqathinker.phases.rows import OF
from vqathinker.phases.trees import at
from vqathinker.phases.words import nearest, shorten

_EXPECTED = {
    "literal_error": "one of {expected}",
    "string_pattern_mismatch": "text of the form {pattern}",
    "string_too_long": "at most {max_length} characters",
    "string_too_short": "at least {min_length} characters",
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "a number of at least {ge:g}",
    "less_than": "a number below {lt:g}",
    "less_than_equal": "a number of at most {le:g}",
    "too_short": "at least {min_length} items",
    "too_long": "at most {max_length} items",
    "string_type": "text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "keys and values",
    "model_type": "keys and values",
    "model_attributes_type": "keys and values",
    "union_tag_invalid": "one of {expected_tags}",
    "value_error": "{error}",
}


def describe_faults(
    error: ValidationError, content: Any, models: type[BaseModel], above: str = ""
) -> list[str]:
    """A line for each fault: its key and what is wrong.

    Args:
        content: what was validated.
        models: base class of all its models, whose fields a mistyped key may have meant.
        above: key that the content stands under, if any.
    """
    faults = faults_by_path(error, content, models)
    return [_line([above, *path] if above else path, text) for path, text in faults]


def _line(path: Sequence[Any], text: str) -> str:
    key = ".".join(map(str, path))
    return f"{key}{text}" if text.startswith(":") else f"{key} {text}".strip()


def faults_by_path(
    error: ValidationError, content: Any, models: type[BaseModel]
) -> list[tuple[list[Any], str]]:
    """Path and text of each fault, as `describe_faults` joins them."""
    texts: dict[tuple[Any, ...], list[str]] = {}
    for detail in error.errors(include_url=False):
        path, text = _fault(detail, content, models)
        texts.setdefault(tuple(path), []).append(text)
    # The alternatives of a value have a fault each.
    return [([*path], " or ".join(dict.fromkeys(said))) for path, said in texts.items()]


def _fault(detail: ErrorDetails, content: Any, models: type[BaseModel]) -> tuple[list[Any], str]:
    kind, context, path = detail["type"], dict(detail.get("ctx", {})), _path(detail, content)
    if kind.startswith("union_tag"):  # of the kind of a model
        path.append(str(context["discriminator"]).strip("'"))
    if kind in {"missing", "union_tag_not_found"}:
        return path, "is missing"
    value = shorten(context.get("tag", detail["input"]))
    if kind == "extra_forbidden":
        hint = nearest(str(path[-1]), _fields(models))
        return path, f"is {value}, but there is no such parameter{hint}"
    expected = _EXPECTED.get(kind, "another value").format_map(context).replace("'", "")
    if detail["loc"][-1:] == ("[key]",):
        return path, f"is not a valid name; expected {expected}"
    if kind == "value_error" and isinstance(detail["input"], Mapping):
        return path, f": {expected}" if path else expected  # of a model as a whole
    return path, f"is {value}, expected {expected}"


def _path(detail: ErrorDetails, content: Any) -> list[Any]:
    """Keys that lead to the fault; pydantic adds the alternatives of types that it tried."""
    path = list[Any]()
    for number, part in enumerate(detail["loc"], start=1):
        is_there = at(content, [*path, part]) is not None or (
            isinstance(at(content, path), Mapping) and part in at(content, path)
        )
        if is_there or (detail["type"] == "missing" and number == len(detail["loc"])):
            path.append(part)
    return path


def _fields(models: type[BaseModel]) -> Iterator[str]:
    for model in models.__subclasses__():
        yield from model.model_fields
        yield from _fields(model)


def faults_of(
    error: ValidationError,
    params: Mapping[str, Any],
    config: Mapping[str, Any],
    models: type[BaseModel],
) -> list[str]:
    """A line for each fault of resolved parameters, by the key that was written.

    Args:
        params: resolved parameters, see `phases.parameters.resolve`.
        config: what they were resolved from.
        models: as in `describe_faults`.
    """
    return [
        _line(_as_written(path, config), text)
        for path, text in faults_by_path(error, params, models)
        if not _is_repeated(path, params)
    ]


def _is_repeated(path: Sequence[Any], params: Mapping[str, Any]) -> bool:
    """Whether a run's fault is that of a shared section, or of the row whose further seed it is."""
    if len(path) < 3 or path[0] != "runs":
        return False
    if at(params, [*path[:2], OF]) is not None:
        return path[2] not in {"seed", "group", OF}
    return path[2] in {BASE, CLIPS, *RUN_SECTIONS} and at(params, path) == at(params, path[2:])


def _as_written(path: Sequence[Any], config: Mapping[str, Any]) -> Sequence[Any]:
    """The key under which a value stands in the file: the scale's own, or the shared one."""
    *above, key = ["scales", config["scale"], *path]
    held = at(config, above)
    return [*above, key] if isinstance(held, Mapping) and key in held else path
