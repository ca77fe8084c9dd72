"""The project's reader and writer of YAML: PyYAML with the types of YAML 1.2 instead of 1.1.

2e-6 is a number, 010 is ten, and 1:30, on, 1_000 and 2026-11-27 are text, as in DVC and in the core
schema (https://yaml.org/spec/1.2.2/#103-core-schema). ruamel.yaml has the same types, but takes ten
times as long to read params.yaml, which every job of Snakemake does.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from vqathinker.errors import InputError, reading

_MERGE = "tag:yaml.org,2002:merge"
_TYPES = {  # pattern, and the characters with which a value may begin
    "null": ("null|Null|NULL|~|", ["n", "N", "~", ""]),
    "bool": ("true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": ("[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    "merge": ("<<", ["<"]),  # of YAML 1.1; params.yaml merges rows with it
}


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  PyYAML copies before it adds

    def __init__(self, text: str | bytes) -> None:
        super().__init__(text)
        self._checked: set[yaml.Node] = set()

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Refuse duplicate keys. PyYAML calls this before merge keys add other mappings."""
        keys: set[tuple[str, str]] = set()
        for key, _ in [] if node in self._checked else node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
                continue
            if (key.tag, key.value) in keys:
                raise yaml.constructor.ConstructorError(
                    problem=f"duplicate key {key.value}", problem_mark=key.start_mark
                )
            keys.add((key.tag, key.value))
        self._checked.add(node)
        super().flatten_mapping(node)


class _Dumper(yaml.SafeDumper):
    """Writes quotes around text that YAML 1.1 or 1.2 would read as another type."""


def _integer(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = loader.construct_scalar(node)
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


for _name, (_pattern, _first) in _TYPES.items():
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(
            f"tag:yaml.org,2002:{_name}", re.compile(rf"(?:{_pattern})\Z"), _first
        )
_Loader.add_constructor("tag:yaml.org,2002:int", _integer)
_Loader.add_constructor(_MERGE, yaml.SafeLoader.construct_yaml_str)  # where it is not a key


def parse_yaml(text: str | bytes) -> Any:
    """The content of a YAML text.

    >>> parse_yaml("{a: 2e-6, b: 010, c: on, d: 1:30, e: null}")
    {'a': 2e-06, 'b': 10, 'c': 'on', 'd': '1:30', 'e': None}

    Raises:
        yaml.YAMLError: the text is not valid YAML, or has a duplicate key.
    """
    return yaml.load(text, Loader=_Loader)  # noqa: S506  it is a safe loader


def read_scalar(text: str) -> Any:
    """A plain YAML scalar as a number, Boolean, null or text.

    >>> [read_scalar(word) for word in ("2e-6", "true", "null", "1:30", "[open")]
    [2e-06, True, None, '1:30', '[open']
    """
    loader = _Loader("")
    tag = loader.resolve(yaml.ScalarNode, text, (True, False))
    return loader.construct_object(yaml.ScalarNode(tag, text))


def read_yaml(path: Path, expected: str, remedy: str) -> Any:
    """The content of a YAML file.

    Args:
        path: the file.
        expected: kind of the expected file, for messages.
        remedy: advice for the user, for messages.

    Raises:
        InputError: the file cannot be read, or is not YAML. The message gives the line.
    """
    with reading(path, expected, remedy):
        text = path.read_text(encoding="utf-8")
    try:
        return parse_yaml(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}, line {mark.line + 1}" if mark else str(path)
        raise InputError(
            f"{place}: is not YAML ({getattr(error, 'problem', None) or error}). Look for a "
            "missing colon or quote, and put text that contains : or # in single quotes."
        ) from error


def dump_yaml(value: Any, **style: Any) -> str:
    """YAML text of plain values. Readers of YAML 1.1 and 1.2 read the same values back."""
    return yaml.dump(value, Dumper=_Dumper, **{"sort_keys": False, **style})
