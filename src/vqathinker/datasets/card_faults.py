"""What is wrong with a card, each thing in one line of our own words: key, value, what is expected.

params.yaml is checked against a schema (`phases.validation`), but much of what a card may say no
schema can: it stands in validators, so pydantic's errors are put into words here.
"""

from collections.abc import Iterator

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from vqathinker.phases.validation import shorten
from vqathinker.phases.words import nearest

__all__ = ["describe_faults"]

# What pydantic adds to the path of a value that may be of several types; no key of a card.
_ALTERNATIVES = {"str", "int"}
_EXPECTED = {
    "literal_error": "one of {expected}",
    "string_pattern_mismatch": "text of the form {pattern}",
    "string_too_long": "at most {max_length} characters",
    "string_too_short": "at least {min_length} characters",
    "greater_than": "a number greater than {gt:g}",
    "greater_than_equal": "a number of at least {ge:g}",
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
    "model_type": "keys and values",
    "model_attributes_type": "keys and values",
}


def describe_faults(error: ValidationError, model: type[BaseModel]) -> Iterator[str]:
    """One line for each thing that is wrong, without the file's name."""
    said = set()
    for detail in error.errors():
        line = _line(detail, model)
        if line not in said:  # the alternatives of a value may ask for the same
            said.add(line)
            yield line


def _line(detail: ErrorDetails, model: type[BaseModel]) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    path = [part for part in detail["loc"] if part not in _ALTERNATIVES]
    key = ".".join(map(str, path)) or "the card"
    if kind == "value_error":
        return f"{key}: {context['error']}"
    if kind == "missing":
        return f"{key} is missing"
    value = shorten(detail["input"])
    if kind == "extra_forbidden":
        known = model.model_fields if len(path) == 1 else {}
        return f"{key} is {value}, but there is no such key{nearest(str(path[-1]), known)}"
    expected = _EXPECTED.get(kind, "another value").format_map(context)
    return f"{key} is {value}, expected {expected}"
