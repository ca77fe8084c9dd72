"""Parameters laid over params.yaml for one run: typed behind `--config`, or in files.

Snakemake reads the files as YAML 1.1 and lays both over the whole of params.yaml, where keys of the
scale hide those of shared sections. Words inside of {…} come as text.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vqathinker.errors import InputError, read_json
from vqathinker.phases.coercion import coerce
from vqathinker.phases.parameters import Tree, merge
from vqathinker.phases.trees import at, leaves
from vqathinker.phases.yaml12 import read_yaml

__all__ = ["lay_over", "read_files"]

_NAMED = ("scale", "scales")  # keys of params.yaml that are no section


def read_files(paths: Iterable[Path]) -> Tree:
    """Files of parameters, YAML 1.2 or JSON, each laid over those before it.

    Raises:
        InputError: a file is not there, cannot be read, or holds no keys and values.
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


def lay_over(
    config: Mapping[str, Any],
    typed: Mapping[str, Any],
    laid: Mapping[str, Any],
    schema: Mapping[str, Any] | None = None,
) -> Tree:
    """`config` in which what was typed counts for the scale, as behind `vqathinker plan --config`.

    Args:
        config: params.yaml with `laid` over it.
        typed: what stands behind `--config`.
        laid: that, and what files behind `--configfile` say.
        schema: of the resolved parameters, which says whether a typed 010 is text.

    Raises:
        InputError: a file says of a shared section what the scale says of itself, so that it would
            change nothing.

    >>> params = {"scale": "demo", "seed": 1, "scales": {"demo": {"training": {"epsilon": 0.2}}}}
    >>> typed = {"training": {"epsilon": "0.1"}}
    >>> lay_over(merge(params, typed), typed, typed)["scales"]
    {'demo': {'training': {'epsilon': 0.1}}}
    """
    said = coerce(typed, schema or {})
    merged = merge(config, said)
    scale, scales = str(merged.get("scale")), merged.get("scales")
    if not isinstance(scales, Mapping) or not isinstance(scales.get(scale), Mapping):
        return merged  # told where the scale is looked up
    _require_effect(laid, typed, scale, scales)
    sections = {key: value for key, value in said.items() if key not in _NAMED}
    return merge(merged, {"scales": {scale: sections}})


def _require_effect(
    laid: Mapping[str, Any], typed: Mapping[str, Any], scale: str, scales: Mapping[str, Any]
) -> None:
    """Whether what files say of shared sections is not hidden by what the scale says itself."""
    own = at(laid, ["scales", scale])
    for path, value in leaves({key: laid[key] for key in laid if key not in _NAMED}):
        of_scale = at(scales[scale], path)
        if of_scale is None or of_scale == value:
            continue
        if at(typed, path) is None and at(own, path) is None:
            raise InputError(
                f"--configfile: {'.'.join(path)} is {value!r}, which changes nothing: scale "
                f"{scale} has {of_scale!r} of its own; expected it below scales: {{{scale}: …}}"
            )
