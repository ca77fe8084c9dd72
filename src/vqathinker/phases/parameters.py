"""Parameters of one scale, resolved from params.yaml, with one complete row per run."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from vqathinker.errors import InputError, reading
from vqathinker.phases.hints import nearest
from vqathinker.phases.trees import Tree, at, merge, only, without
from vqathinker.phases.yaml12 import parse_yaml, read_scalar, read_yaml

RUN_SECTIONS = ("seed", "training", "rewards", "answer", "prompt", "kernels", "device")
_EXPECTED = ("parameters", "pass a file like the project's params.yaml, or one of workflow/keys")


def resolve(config: Mapping[str, Any], source: str = "params.yaml") -> Tree:
    """The parameters of the scale that `config` names.

    Values of the scale override the shared sections, and each row of `runs` overrides both: it gets
    a complete `seed`, `training`, `rewards` and so on. A `base` replaces the shared one as a whole,
    because kinds of bases have different keys. A row NAME with `seeds: [43, 44]` adds the rows
    NAME-seed43 and NAME-seed44 with `of: NAME` and group ablation. A row with `after: RUN` has the
    `base` of that run and starts from its policy. With `training.holdout`, each seed is another
    split of the training set, and its row keeps the group of NAME, because one split says little.

    Args:
        config: content of params.yaml.
        source: name of the file, for messages.

    Raises:
        InputError: the scale is unknown, or a row of `runs` cannot be resolved.
    """
    scales = config.get("scales") or {}
    scale = config.get("scale")
    if scale not in scales:
        hint = nearest(str(scale), scales)
        raise InputError(f"{source}: scale is {scale!r}, expected one of {', '.join(scales)}{hint}")
    params = merge(without(config, "scales"), scales[scale])
    rows = params.get("runs")
    if not isinstance(rows, Mapping) or not all(isinstance(row, Mapping) for row in rows.values()):
        raise InputError(
            f"{source}: runs of scale {scale} is {rows!r}, expected rows such as "
            "grpo: {train: true, group: main}"
        )
    shared = only(params, *RUN_SECTIONS)
    if isinstance(params.get("clips"), Mapping):
        shared["clips"] = only(params["clips"], "train_setting", "test_setting")
    rows = dict(_with_seeds(rows, params.get("seed"), source))
    params["runs"] = {}
    for name, row in rows.items():
        first = rows[_start_of(name, rows, source)]
        base = only(params, "base") | only(first, "base")
        resolved = base | merge(shared, row) | {"after": row.get("after")}
        if row["of"] is not None and at(resolved, ["training", "holdout"], 0):
            resolved["group"] = rows[row["of"]].get("group")
        params["runs"][name] = resolved
    return params


def _start_of(name: str, rows: Mapping[str, Tree], source: str) -> str:
    """The row whose base policy a run starts from, directly or through `after`."""
    path = [name]
    while (after := rows[path[-1]].get("after")) is not None:
        if after not in rows or after in path or "base" in rows[path[-1]]:
            raise InputError(
                f"{source}: runs.{path[-1]}.after is {after!r}, expected another row that does "
                f"not depend on this one, and no base in this row{nearest(str(after), rows)}"
            )
        path.append(after)
    return path[-1]


def _with_seeds(
    rows: Mapping[str, Mapping[str, Any]], shared_seed: Any, source: str
) -> Iterator[tuple[str, Tree]]:
    """Every row by name, each followed by its rows for further seeds."""
    for name, row in rows.items():
        where, trained = f"{source}: runs.{name}", row.get("train") is not False
        if not trained and "prompt" in row:
            raise InputError(
                f"{where} has train: false and a prompt, but a policy keeps the prompt that it "
                "was trained with; remove the prompt, or train the run"
            )
        seeds, own = row.get("seeds", []), row.get("seed", shared_seed)
        valid = isinstance(seeds, list) and all(type(seed) is int and seed >= 0 for seed in seeds)
        if not valid or len({*seeds, own}) != len(seeds) + 1 or (seeds and not trained):
            raise InputError(
                f"{where}.seeds is {seeds!r}, expected a list of distinct whole numbers other than "
                f"the row's own seed {own}, in a row with train: true"
            )
        plain = without(row, "seeds") | {"of": None}
        yield name, plain
        for seed in seeds:
            further = f"{name}-seed{seed}"
            if further in rows:
                raise InputError(
                    f"{where}.seeds has {seed}, but there is already a row {further}; rename it"
                )
            yield further, plain | {"seed": seed, "group": "ablation", "of": name}


def bases_of(params: Mapping[str, Any]) -> dict[str, Tree]:
    """All base policies of resolved parameters by name: the scale's and those of rows.

    >>> bases_of({"base": {"name": "a"}, "runs": {"mine": {"base": {"name": "b"}}}})
    {'a': {'name': 'a'}, 'b': {'name': 'b'}}
    """
    bases = [params["base"], *(row["base"] for row in params["runs"].values())]
    return {base["name"]: base for base in bases}


def benchmarks_of(params: Mapping[str, Any]) -> list[str]:
    """The test sets of a scale, in-domain ones first."""
    return [*params["data"]["in_domain"], *params["data"]["out_of_distribution"]]


def sets_of(params: Mapping[str, Any]) -> list[str]:
    """The training set and the test sets of a scale, each once."""
    return list(dict.fromkeys([params["data"]["train"], *benchmarks_of(params)]))


def read_params(path: Path, changes: Sequence[str] = ()) -> Tree:
    """Resolved parameters from params.yaml, or from the file of a job in workflow/keys.

    Args:
        path: the file.
        changes: overrides such as "scale=paper" or "training.lora=null", for params.yaml only.

    Raises:
        InputError: the file cannot be read, is not a mapping, or names an unknown scale; a change
            is not KEY=VALUE.
    """
    content = _read(path)
    if isinstance(content.get("params"), Mapping):
        return dict(content["params"])
    for change in changes:
        content = override(content, _parse_change(change))
    return resolve(content, str(path))


def _read(path: Path) -> Tree:
    content = read_yaml(path, *_EXPECTED)
    with reading(path, *_EXPECTED):
        return dict(content)


def _parse_change(change: str) -> Tree:
    key, equals, text = change.partition("=")
    if not (key and equals):
        raise InputError(f"{change!r}: expected KEY=VALUE, such as training.lora=null")
    try:
        tree: Any = parse_yaml(text)
    except yaml.YAMLError as error:
        raise InputError(f"{change!r}: the value is not YAML") from error
    for name in reversed(key.split(".")):
        tree = {name: tree}
    return dict(tree)


def merge_config(files: Iterable[Path], config: Mapping[str, Any], *, replace_params: bool) -> Tree:
    """params.yaml, overridden by the files of `--configfile` and then by the values of `--config`.

    The files are read again, because Snakemake reads YAML 1.1, where 2e-6 is text and 1:30 is 90.

    Args:
        files: YAML 1.2 or JSON.
        config: values of `--config` as Snakemake parses them.
        replace_params: whether the files replace params.yaml.

    Raises:
        InputError: a file cannot be read, or is not a mapping.
    """
    path, changes = Path("params.yaml"), Tree()
    params = {} if replace_params or not path.exists() else _read(path)
    for file in files:
        changes = merge(changes, _read(file))
    return override(override(params, changes | only(config, "scale")), parse_scalars(config))


def override(params: Mapping[str, Any], changes: Mapping[str, Any]) -> Tree:
    """`params` with the changes, which apply to the scale that `changes` or `params` name.

    In params.yaml, values of a scale hide those of the shared sections. A shared value of `changes`
    nevertheless applies to the scale, unless `changes` also has a value for this scale.

    >>> params = {"scale": "demo", "seed": 1, "scales": {"demo": {"training": {"epsilon": 0.2}}}}
    >>> override(params, {"training": {"epsilon": 0.1}})["scales"]
    {'demo': {'training': {'epsilon': 0.1}}}
    """
    scale, own = changes.get("scale", params.get("scale")), changes.get("scales") or {}
    scales = merge(params.get("scales") or {}, own)
    if scale in scales:  # `resolve` reports an unknown one
        shared = without(changes, "scale", "scales")
        scales[scale] = merge(merge(scales[scale], shared), own.get(scale) or {})
    return {**params, "scale": scale, "scales": scales}


def parse_scalars(value: Any) -> Any:
    """`value` with each text in it parsed as a YAML 1.2 scalar.

    Snakemake passes values inside {…} of `--config` as text.

    >>> parse_scalars({"rate": "2e-6", "title": "Mine", "kinds": ["reverse"]})
    {'rate': 2e-06, 'title': 'Mine', 'kinds': ['reverse']}
    """
    if isinstance(value, Mapping):
        return {key: parse_scalars(item) for key, item in value.items()}
    if isinstance(value, list):
        return [parse_scalars(item) for item in value]
    return read_scalar(value) if isinstance(value, str) else value
