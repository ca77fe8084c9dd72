"""Parameters laid over params.yaml for one run, from `--config` or files of `--configfile`.

Snakemake reads these files as YAML 1.1, where 2e-6 is text and 1:30 is 90, and passes values inside
{…} of `--config` as text. Both are therefore read again here.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vqathinker.errors import InputError, read_json
from vqathinker.phases.parameters import resolve
from vqathinker.phases.trees import Tree, at, leaves, merge, without
from vqathinker.phases.yaml12 import read_scalar, read_yaml

Schema = Mapping[str, Any]


def resolve_overlays(settings: Any, schema: Schema) -> tuple[Tree, Tree]:
    """Parameters of a run of the workflow: merged as in a file, and resolved.

    Args:
        settings: Snakemake's `config_settings`.
        schema: of the resolved parameters.

    Raises:
        InputError: a file cannot be read, or changes nothing; see `lay_over`.
    """
    own = [path for path in [Path("params.yaml")] if path.exists()]
    params = {} if settings.replace_workflow_config else read_files(own)
    files, config = read_files(settings.configfiles), coerce(settings.config, schema)
    return merge(merge(params, files), config), resolve(lay_over(params, files, config))


def read_files(paths: Iterable[Path]) -> Tree:
    """Files of parameters, YAML 1.2 or JSON, each laid over those before it.

    Raises:
        InputError: a file cannot be read, or holds no keys and values.
    """
    merged: Tree = {}
    expected, remedy = "keys and values, as in params.yaml", "compare it with the shipped one"
    for path in paths:
        read = read_json if path.suffix == ".json" else read_yaml
        content = read(path, expected, remedy)
        if not isinstance(content, Mapping):
            raise InputError(f"{path}: holds no {expected}: {remedy}")
        merged = merge(merged, content)
    return merged


def lay_over(params: Tree, files: Tree, config: Tree) -> Tree:
    """`params`, overlaid with `files` and then with `config`, the values of `--config`.

    In params.yaml, values of a scale hide those of the shared sections. A value of `--config`
    therefore counts for the scale. A value of a file counts where it stands, and also for the scale
    if that has null.

    Raises:
        InputError: the scale hides a value of a file, which therefore would change nothing.

    >>> params = {"scale": "demo", "seed": 1, "scales": {"demo": {"training": {"epsilon": 0.2}}}}
    >>> lay_over(params, {}, {"training": {"epsilon": 0.1}})["scales"]
    {'demo': {'training': {'epsilon': 0.1}}}
    """
    merged = merge(merge(params, files), config)
    path = ["scales", str(merged.get("scale"))]
    of_scale = at(merged, path)
    if not isinstance(of_scale, Mapping):
        return merged  # `resolve` reports the unknown scale
    own = at(merge(files, config), path) or {}
    shared, config = (without(tree, "scale", "scales") for tree in (files, config))
    for key, value in leaves(shared):
        hiding = at(of_scale, key)
        if hiding not in (None, value) and at(config, key) is None and at(own, key) is None:
            raise InputError(
                f"--configfile: {'.'.join(key)} is {value!r}, which changes nothing: scale "
                f"{path[1]} has its own {hiding!r}; expected it below scales: {{{path[1]}: …}}"
            )
    of_scale = merge(merge(merge(of_scale, shared), own), config)
    return merge(merged, {"scales": {path[1]: of_scale}})


def coerce(value: Any, schema: Schema, path: Sequence[Any] = ()) -> Any:
    """`value` with text parsed as YAML 1.2, except where the schema expects text.

    Args:
        value: text, or mappings and lists of it; anything else is passed through.
        schema: of the resolved parameters.
        path: keys and indices that lead to the value.

    >>> schema = {"properties": {"rate": {"type": "number"}, "title": {"type": "string"}}}
    >>> coerce({"rate": "2e-6", "title": "010", "other": "010"}, schema)
    {'rate': 2e-06, 'title': '010', 'other': 10}
    """
    if isinstance(value, Mapping):
        return {key: coerce(of, schema, [*path, key]) for key, of in value.items()}
    if isinstance(value, list):
        return [coerce(of, schema, [*path, number]) for number, of in enumerate(value)]
    if not isinstance(value, str):
        return value
    read = read_scalar(value)
    keys = path[2:] if path[:1] == ["scales"] else path
    types = {each.get("type") for each in _at_path(keys, schema)}
    return value if "string" in types and not (read is None and "null" in types) else read


def _at_path(path: Sequence[Any], schema: Schema) -> list[Schema]:
    """What the schema allows at a path, as a list of alternatives."""
    found = [*_alternatives(schema, schema)]
    for key in path:
        below = [each["items"] for each in found if isinstance(key, int) and "items" in each]
        for each in found:
            below += [of for name, of in each.get("properties", {}).items() if name == key]
            patterns = each.get("patternProperties", {}).items()
            below += [of for pattern, of in patterns if re.search(pattern, str(key))]
        found = [one for each in below for one in _alternatives(each, schema)]
    return found


def _alternatives(schema: Schema, top: Schema) -> Iterator[Schema]:
    if "$ref" in schema:
        yield from _alternatives(top["$defs"][schema["$ref"].rsplit("/", 1)[1]], top)
    elif several := schema.get("anyOf") or schema.get("oneOf"):
        for each in several:
            yield from _alternatives(each, top)
    else:
        yield schema
