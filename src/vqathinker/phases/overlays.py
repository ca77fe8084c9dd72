"""Parameters laid over params.yaml for one run: typed behind `--config`, or in files.

Snakemake reads the files as YAML 1.1 and lays both over the whole of params.yaml, where keys of the
scale hide those of shared sections. Words inside of {…} come as text.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vqathinker.errors import InputError, read_json
from vqathinker.phases.coercion import coerce
from vqathinker.phases.parameters import Tree, merge, resolve
from vqathinker.phases.trees import at, leaves
from vqathinker.phases.yaml12 import read_yaml

_NAMED = ("scale", "scales")  # keys of params.yaml that are no section


def resolve_overlays(config: Tree, laid: Any, schema: Mapping[str, Any]) -> tuple[Tree, Tree]:
    """Parameters of a run of the workflow: as they are laid over each other, and resolved.

    Args:
        config: as Snakemake has it.
        laid: Snakemake's `config_settings`.
        schema: of the resolved parameters.
    """
    # Snakemake has read these files as YAML 1.1, in which 2e-6 is text and 1:30 is 90.
    own = [path for path in [Path("params.yaml")] if path.exists()]
    overlay = merge(read_files(laid.configfiles), laid.config)
    config = merge({} if laid.replace_workflow_config else read_files(own), overlay)
    return config, resolve(lay_over(config, laid.config, overlay, schema))


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
    shared = {key: value for key, value in laid.items() if key not in _NAMED}
    _require_effect(shared, typed, at(laid, ["scales", scale]), scale, scales[scale])
    in_place_of_null = _where_null(shared, scales[scale], at(laid, ["scales", scale]) or {})
    sections = {key: value for key, value in said.items() if key not in _NAMED}
    return merge(merged, {"scales": {scale: merge(in_place_of_null, sections)}})


def _where_null(shared: Mapping[str, Any], of_scale: Any, own: Any) -> Tree:
    """What files say of shared sections where the scale has null, and they do not say so again."""
    found: Tree = {}
    for key, value in shared.items():
        if not isinstance(of_scale, Mapping) or key not in of_scale:
            continue
        said = own.get(key) if isinstance(own, Mapping) else None
        if of_scale[key] is None and not (isinstance(own, Mapping) and key in own):
            found[key] = value
        elif isinstance(value, Mapping) and (inner := _where_null(value, of_scale[key], said)):
            found[key] = inner
    return found


def _require_effect(
    shared: Mapping[str, Any], typed: Mapping[str, Any], own: Any, scale: str, of_scale: Any
) -> None:
    """Whether what files say of shared sections is not hidden by what the scale says itself."""
    for path, value in leaves(shared):
        hiding = at(of_scale, path)
        if hiding is None or hiding == value:
            continue
        if at(typed, path) is None and at(own, path) is None:
            raise InputError(
                f"--configfile: {'.'.join(path)} is {value!r}, which changes nothing: scale "
                f"{scale} has {hiding!r} of its own; expected it below scales: {{{scale}: …}}"
            )
