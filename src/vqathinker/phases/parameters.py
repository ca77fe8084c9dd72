"""From params.yaml to the parameters of one scale."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from vqathinker.errors import InputError, reading
from vqathinker.phases.coercion import coerce
from vqathinker.phases.rows import plain_rows, started_rows
from vqathinker.phases.words import nearest
from vqathinker.phases.yaml12 import parse_yaml, read_yaml

Tree = dict[str, Any]

BASE, CLIPS = "base", "clips"
SETTINGS = ("train_setting", "test_setting")  # of clips, which a row may have of its own
_EXPECTED = ("parameters, or those of a job", "give a params.yaml as the shipped one")
RUN_SECTIONS = ("seed", "training", "rewards", "answer", "prompt", "kernels", "device")

DOWNLOAD = "download"


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> Tree:
    """`below` with `above` laid over it: mappings key by key, anything else replaced as a whole.

    >>> merge({"a": {"x": 1, "y": 2}, "b": [1, 2]}, {"a": {"y": 3}, "b": [4]})
    {'a': {'x': 1, 'y': 3}, 'b': [4]}
    """
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(old, value) if both else value  # type: ignore[arg-type]
    return merged


def resolve(config: Mapping[str, Any], source: str = "params.yaml") -> Tree:
    """The parameters of the scale that `config` names: `scales` folded in, every run spelled out.

    A row of `runs` comes out with its whole `seed`, `training`, `rewards` and so on: the shared
    ones, with what the row itself says laid over them. Its `base` is its own or the scale's, as a
    whole: what one kind of base has to say, another has not. Its `clips` are the settings
    of frames and size. A row with `seeds` comes out as several, and one with `after` has the base
    of the run that it starts after (`phases.rows`).

    Raises:
        InputError: `scale` names no row of `scales`, a section is no mapping where it has to be, or
            two base policies have one name, a row that is not trained has a prompt, `seeds` or
            `after` of a row are wrong, or a set that is no benchmark of the scale is to be asked
            about in perturbed copies.
    """
    scales = config.get("scales") or {}
    scale = config.get("scale")
    if scale not in scales:
        hint = nearest(str(scale), scales)
        raise InputError(f"{source}: scale is {scale!r}, expected one of {', '.join(scales)}{hint}")
    shared = {key: value for key, value in config.items() if key != "scales"}
    params = merge(shared, scales[scale])
    runs = params.get("runs")
    if not isinstance(runs, Mapping) or not all(isinstance(row, Mapping) for row in runs.values()):
        raise InputError(
            f"{source}: runs of scale {scale} is {runs!r}, expected rows such as "
            "grpo: {train: true, group: main}"
        )
    for name, row in runs.items():
        if row.get("train") is False and "prompt" in row:
            raise InputError(
                f"{source}: runs.{name} has train: false and a prompt, but a policy is asked as it "
                "was trained; expected no prompt there: take it out, or train the run"
            )
    runs = started_rows(plain_rows(runs, params.get("seed"), source), source)
    shared = {key: params[key] for key in RUN_SECTIONS if key in params}
    if isinstance(params.get(CLIPS), Mapping):
        shared[CLIPS] = {key: params[CLIPS][key] for key in SETTINGS if key in params[CLIPS]}
    base = {BASE: params[BASE]} if BASE in params else {}
    params["runs"] = {name: base | merge(shared, row) for name, row in runs.items()}
    _require_one_base_a_name(params, source)
    _require_known_benchmarks(params, source)
    return params


def _require_one_base_a_name(params: Mapping[str, Any], source: str) -> None:
    first: dict[str, tuple[str, Any]] = {}
    rows = [("base", params), *((f"runs.{name}.base", row) for name, row in params["runs"].items())]
    for key, holder in rows:
        base = holder.get(BASE)
        if not isinstance(base, Mapping) or "name" not in base:
            continue  # told with all other faults
        where, other = first.setdefault(str(base["name"]), (key, base))
        if other != base:
            raise InputError(
                f"{source}: {key}.name is {base['name']!r}, as is {where}.name, but they differ in "
                "other keys; expected a name for each base policy: its folder under models/base"
            )


def _require_known_benchmarks(params: Mapping[str, Any], source: str) -> None:
    data, preference = params.get("data"), params.get("preference")
    if not (isinstance(data, Mapping) and isinstance(preference, Mapping)):
        return  # told with all other faults
    known = [name for key in ("in_domain", "out_of_distribution") for name in data.get(key) or ()]
    for name in preference.get("benchmarks") or ():
        if name not in known:
            raise InputError(
                f"{source}: preference.benchmarks names {name!r}, expected some of "
                f"{', '.join(known) or 'none'}: the benchmarks of the scale"
                f"{nearest(str(name), known)}"
            )


def bases_of(params: Mapping[str, Any]) -> dict[str, Tree]:
    """Every base policy of these resolved parameters by name: the scale's own, and those of rows.

    >>> bases_of({"base": {"name": "a"}, "runs": {"mine": {"base": {"name": "b"}}}})
    {'a': {'name': 'a'}, 'b': {'name': 'b'}}
    """
    bases = [params[BASE], *(row[BASE] for row in params["runs"].values())]
    return {base["name"]: base for base in bases}


def read_params(
    path: Path, changes: Sequence[str] = (), schema: Mapping[str, Any] | None = None
) -> Tree:
    """Resolved parameters from params.yaml or, of one job only, from its file in workflow/keys.

    Args:
        path: the file.
        changes: such as "scale=paper" or "training.lora=null", laid over the scale of params.yaml.
        schema: of the resolved parameters, which says whether the 010 of a change is text.

    Raises:
        InputError: the file cannot be read, holds no mapping, or an unknown scale; a change is no
            KEY=VALUE.
    """
    content = read_yaml(path, *_EXPECTED)
    with reading(path, *_EXPECTED):
        content = dict(content)
    if is_of_job(content):
        return dict(content["params"])
    for change in changes:
        content = merge(content, _as_tree(change, content, schema or {}))
    return resolve(content, str(path))


def is_of_job(content: Mapping[str, Any]) -> bool:
    """Whether this is the content of a file of `phases.keys`, and no params.yaml."""
    return isinstance(content.get("params"), Mapping)


def _as_tree(change: str, content: Mapping[str, Any], schema: Mapping[str, Any]) -> Tree:
    """A change as a part of params.yaml: the scale itself, or what the scale says."""
    key, equals, text = change.partition("=")
    if not (key and equals):
        raise InputError(f"{change!r}: expected KEY=VALUE, such as training.lora=null")
    try:
        tree: Any = coerce(parse_yaml(text, typed=False), schema, key.split("."))
    except yaml.YAMLError as error:
        raise InputError(f"{change!r}: what follows the = is no YAML") from error
    if key == "scale":
        return {key: tree}
    for name in reversed(["scales", str(content.get("scale")), *key.split(".")]):
        tree = {name: tree}
    return dict(tree)
