"""From params.yaml to the parameters of one scale, with one complete row per run."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from vqathinker.errors import InputError, reading
from vqathinker.phases.trees import Tree, merge, only, without
from vqathinker.phases.words import nearest
from vqathinker.phases.yaml12 import parse_yaml, read_yaml

BASE, CLIPS, DOWNLOAD = "base", "clips", "download"
SEEDS, OF, AFTER = "seeds", "of", "after"  # keys of rows
SETTINGS = ("train_setting", "test_setting")  # of clips; a row may have its own
RUN_SECTIONS = ("seed", "training", "rewards", "answer", "prompt", "kernels", "device")
_EXPECTED = ("parameters, or those of a job", "give a params.yaml as the shipped one")


def resolve(config: Mapping[str, Any], source: str = "params.yaml") -> Tree:
    """The parameters of the scale that `config` names, with `scales` merged in.

    Each row of `runs` gets its complete `seed`, `training`, `rewards` and so on: the shared
    sections, overlaid with the row. `base` is not merged, as kinds of base have different keys.
    `clips` are the settings of frames and size. A row NAME with `seeds: [43, 44]` also makes the
    rows NAME-seed43 and NAME-seed44 with `of: NAME` and group ablation. A row with `after: RUN` has
    the `base` of that run, whose policy it starts from.

    Args:
        config: content of params.yaml.
        source: its name, for messages.

    Raises:
        InputError: the scale is unknown, or a row of `runs` cannot be resolved.
    """
    scales = config.get("scales") or {}
    scale = config.get("scale")
    if scale not in scales:
        hint = nearest(str(scale), scales)
        raise InputError(f"{source}: scale is {scale!r}, expected one of {', '.join(scales)}{hint}")
    params = merge(without(config, "scales"), scales[scale])
    runs = params.get("runs")
    if not isinstance(runs, Mapping) or not all(isinstance(row, Mapping) for row in runs.values()):
        raise InputError(
            f"{source}: runs of scale {scale} is {runs!r}, expected rows such as "
            "grpo: {train: true, group: main}"
        )
    shared = only(params, *RUN_SECTIONS)
    if isinstance(params.get(CLIPS), Mapping):
        shared[CLIPS] = only(params[CLIPS], *SETTINGS)
    rows = dict(_with_seeds(runs, params.get("seed"), source))
    params["runs"] = {}
    for name, row in rows.items():
        first = rows[_chain(name, rows, source)[-1]]
        bases = [each[BASE] for each in (row, first, params) if BASE in each]
        base = {BASE: bases[0]} if bases else {}
        params["runs"][name] = base | merge(shared, row) | {AFTER: row.get(AFTER)}
    return params


def _with_seeds(
    runs: Mapping[str, Mapping[str, Any]], shared_seed: Any, source: str
) -> Iterator[tuple[str, Tree]]:
    """Every row by name, followed by its rows for further seeds."""
    for name, row in runs.items():
        where, trained = f"{source}: runs.{name}", row.get("train") is not False
        if not trained and "prompt" in row:
            raise InputError(
                f"{where} has train: false and a prompt, but a policy keeps the prompt of its "
                "training; remove the prompt, or train the run"
            )
        seeds, own = row.get(SEEDS, []), row.get("seed", shared_seed)
        valid = isinstance(seeds, list) and all(type(seed) is int and seed >= 0 for seed in seeds)
        if not valid or len({*seeds, own}) != len(seeds) + 1 or (seeds and not trained):
            raise InputError(
                f"{where}.{SEEDS} is {seeds!r}, expected a list of distinct whole numbers without "
                f"the row's own seed {own}, in a row that is trained"
            )
        plain = without(row, SEEDS) | {OF: None}
        yield name, plain
        for seed in seeds:
            further = f"{name}-seed{seed}"
            if further in runs:
                raise InputError(f"{where}.{SEEDS} has {seed}, but there is a row {further}")
            yield further, plain | {"seed": seed, "group": "ablation", OF: name}


def _chain(name: str, runs: Mapping[str, Any], source: str) -> list[str]:
    """A run, the one that it starts after, and so on to one that starts from a base policy."""
    chain = [name]
    while (before := runs[chain[-1]].get(AFTER)) is not None:
        where, others = f"{source}: runs.{chain[-1]}", [run for run in runs if run != chain[-1]]
        if BASE in runs[chain[-1]]:
            raise InputError(f"{where} has {AFTER}: {before} and a base; expected one of the two")
        if before not in others:
            hint = nearest(str(before), others)
            raise InputError(
                f"{where}.{AFTER} is {before!r}, expected another row: {', '.join(others)}{hint}"
            )
        if before in chain:
            raise InputError(
                f"{where}.{AFTER} is {before!r}, which is a circle: {' after '.join(chain)}"
            )
        chain.append(before)
    return chain


def bases_of(params: Mapping[str, Any]) -> dict[str, Tree]:
    """Every base policy of resolved parameters by name: that of the scale, and those of rows.

    >>> bases_of({"base": {"name": "a"}, "runs": {"mine": {"base": {"name": "b"}}}})
    {'a': {'name': 'a'}, 'b': {'name': 'b'}}
    """
    bases = [params[BASE], *(row[BASE] for row in params["runs"].values())]
    return {base["name"]: base for base in bases}


def read_params(path: Path, changes: Sequence[str] = ()) -> Tree:
    """Resolved parameters from params.yaml, or from the file of a job in workflow/keys.

    Args:
        path: the file.
        changes: such as "scale=paper" or "training.lora=null", laid over the scale of params.yaml.

    Raises:
        InputError: the file cannot be read, is no mapping, or names an unknown scale; a change is
            no KEY=VALUE.
    """
    content = read_yaml(path, *_EXPECTED)
    with reading(path, *_EXPECTED):
        content = dict(content)
    if isinstance(content.get("params"), Mapping):
        return dict(content["params"])
    for change in changes:
        content = merge(content, _parse_change(change, content))
    return resolve(content, str(path))


def _parse_change(change: str, content: Mapping[str, Any]) -> Tree:
    """A change as a part of params.yaml: `scale` itself, or a value of the scale."""
    key, equals, text = change.partition("=")
    if not (key and equals):
        raise InputError(f"{change!r}: expected KEY=VALUE, such as training.lora=null")
    try:
        tree: Any = parse_yaml(text)
    except yaml.YAMLError as error:
        raise InputError(f"{change!r}: the value is not YAML") from error
    above = [] if key == "scale" else ["scales", str(content.get("scale"))]
    for name in reversed([*above, *key.split(".")]):
        tree = {name: tree}
    return dict(tree)
