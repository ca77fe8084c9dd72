"""What is laid over params.yaml for once: typed behind `--config`, or in a file.

Snakemake has laid both over the whole file by then. What a scale says of itself would hide a shared
section's keys, and words inside of {…} come as text.
"""

from collections.abc import Mapping
from typing import Any

import yaml

from vqathinker.errors import InputError
from vqathinker.phases.parameters import Tree, merge
from vqathinker.phases.trees import at, leaves
from vqathinker.phases.words import read_word

__all__ = ["lay_over"]

_NAMED = ("scale", "scales")  # keys of params.yaml that are no section


def lay_over(config: Mapping[str, Any], typed: Mapping[str, Any], laid: Mapping[str, Any]) -> Tree:
    """`config` in which what was typed counts for the scale, as behind `vqathinker plan --config`.

    Args:
        config: params.yaml with `laid` over it, as Snakemake does that.
        typed: what stands behind `--config`.
        laid: that, and what files behind `--configfile` say.

    Raises:
        InputError: a file says of a shared section what the scale says of itself, so that it would
            change nothing.

    >>> params = {"scale": "demo", "seed": 1, "scales": {"demo": {"training": {"epsilon": 0.2}}}}
    >>> typed = {"training": {"epsilon": "0.1"}}
    >>> lay_over(merge(params, typed), typed, typed)["scales"]
    {'demo': {'training': {'epsilon': 0.1}}}
    """
    said = _with_types(typed)
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


def _with_types(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _with_types(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_with_types(below) for below in value]
    return _read_text(value) if isinstance(value, str) else value


def _read_text(text: str) -> Any:
    """A number, truth value or null; all else is text, as quotes around it are gone by now."""
    try:
        read = read_word(text)
    except yaml.YAMLError:
        return text
    return read if read is None or isinstance(read, bool | int | float) else text
