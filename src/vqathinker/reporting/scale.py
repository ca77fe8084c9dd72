"""What tables know of a scale: benchmarks, runs, and which runs make a row of the ladder."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from vqathinker.params import DataParams, ReportParams, load_section
from vqathinker.phases.parameters import read_params
from vqathinker.reporting.formats import flat

_NOT_COMPARED = frozenset(("group", "of", "seed"))


class TableScale(NamedTuple):
    """The scale as tables see it.

    `domains` maps each benchmark to its domain, in the order of columns; `counts` to the rows of
    its label file. `runs` are the resolved rows of params.yaml, `method` the one that others are
    compared with, `train_set` what all of them are trained on.
    """

    train_set: str
    domains: Mapping[str, str]
    counts: Mapping[str, int]
    runs: Mapping[str, Mapping[str, Any]]
    method: str

    def benchmarks(self, domain: str) -> list[str]:
        """The benchmarks of one domain."""
        return [name for name, of in self.domains.items() if of == domain]


def load_table_scale(path: Path) -> TableScale:
    """Read it from params.yaml or from the file of a job of the report."""
    data = load_section(path, DataParams)
    domains = {
        **dict.fromkeys(data.in_domain, "in-domain"),
        **dict.fromkeys(data.out_of_distribution, "out-of-distribution"),
    }
    method = load_section(path, ReportParams).method
    return TableScale(data.train, domains, dict(data.counts), read_params(path)["runs"], method)


class LadderRow(NamedTuple):
    """A row: its first run's name, one run for each seed, its group, and what differs."""

    name: str
    runs: tuple[str, ...]
    group: str
    differs: str


def ladder_rows(scale: TableScale, runs: Collection[str]) -> list[LadderRow]:
    """The rows that these runs make, in the order of params.yaml, the method first.

    A row is named by what differs in its resolved parameters; runs that differ only in their seed
    are one row. Its group is `untrained` for a policy as it is; `training` for another method of
    training or one `after` another run; `backbone` if only the base policy differs; `frames` if
    only the clips differ; else `ablation`.
    """
    seeds: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for name, row in scale.runs.items():
        if name in runs:
            seeds.setdefault(tuple(sorted(_flat(row).items())), []).append(name)
    method = _flat(scale.runs.get(scale.method, {}))
    rows = []
    for flattened, names in seeds.items():
        own = dict(flattened)
        if own.get("train") == "false" and own.get("after") == scale.method:
            # A row that only looks at the method's policy again is trained as the method is.
            for key in ("train", "after"):
                own.pop(key)
                own |= {key: method[key]} if key in method else {}
        rows.append(_row(names, own, method))
    return sorted(rows, key=lambda row: row.group != "method")


def _row(names: list[str], own: Mapping[str, str], method: Mapping[str, str]) -> LadderRow:
    keys = [key for key in {**method, **own} if own.get(key) != method.get(key)]
    if not keys:
        return LadderRow(names[0], tuple(names), "method", "the method")
    if own.get("train") == "false":
        differs = f"{own.get('base.name', '')} as it is"
        return LadderRow(names[0], tuple(names), "untrained", differs)
    of_base = {key for key in keys if key.startswith("base.") and key != "base.name"}
    # A base policy without its motion branch has another name, too, but is no other backbone.
    only_motion = bool(of_base) and all(key.startswith("base.motion") for key in of_base)
    named = [key for key in keys if key != "base.name" or not only_motion]
    if "base.name" in named:  # the name stands for all other parameters of a base policy
        named = [key for key in named if key not in of_base]
    sections = {key.split(".")[0] for key in keys}
    if "training.method" in keys or "after" in keys:
        group = "training"
    elif sections == {"base"} and not only_motion:
        group = "backbone"
    else:
        group = "frames" if sections == {"clips"} else "ablation"
    differs = ", ".join(f"{key} {own.get(key, 'none')}" for key in named)
    return LadderRow(names[0], tuple(names), group, differs)


def _flat(row: Mapping[str, Any]) -> dict[str, str]:
    """Parameters of a run by dotted key, as params.yaml writes them."""
    leaves = flat({key: value for key, value in row.items() if key not in _NOT_COMPARED})
    return {
        key: "null"
        if value is None
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
        for key, value in leaves.items()
    }
