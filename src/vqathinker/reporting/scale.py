"""What tables know of a scale: benchmarks, runs, and which runs make a row of the ladder."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vqathinker.params import DataParams, ReportParams, load_section
from vqathinker.phases.parameters import read_params
from vqathinker.reporting.formats import flat

_NOT_COMPARED = frozenset(("group", "of", "seed"))
_ABSENT = "none"


@dataclass(frozen=True)
class TableScale:
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
    """Read it from params.yaml or from the file of a job of the report.

    Raises:
        ParameterError: a value is missing or wrong.
    """
    data = load_section(path, DataParams)
    return TableScale(
        train_set=data.train,
        domains={
            **dict.fromkeys(data.in_domain, "in-domain"),
            **dict.fromkeys(data.out_of_distribution, "out-of-distribution"),
        },
        counts=dict(data.counts),
        runs=read_params(path)["runs"],
        method=load_section(path, ReportParams).method,
    )


@dataclass(frozen=True)
class LadderRow:
    """A row: its first run's name, one run for each seed, its group, and what differs."""

    name: str
    runs: tuple[str, ...]
    group: str
    differs: str


def ladder_rows(scale: TableScale, runs: Collection[str]) -> list[LadderRow]:
    """The rows that these runs make, in the order of params.yaml, the method first.

    `untrained`: a policy as it is; `training`: another method of training, or one `after` another
    run; `backbone`: another base policy and nothing else; `frames`: other clips and nothing else;
    `ablation`: anything else. A row is named by what differs in its resolved parameters; runs that
    differ in nothing but their seed are one row.
    """
    seeds: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for name, row in scale.runs.items():
        if name in runs:
            seeds.setdefault(tuple(sorted(_flat(row).items())), []).append(name)
    method = _flat(scale.runs.get(scale.method, {}))
    rows = [
        _row(names, _as_trained(dict(flat), method, scale.method), method)
        for flat, names in seeds.items()
    ]
    return sorted(rows, key=lambda row: row.group != "method")


def _row(names: list[str], own: Mapping[str, str], method: Mapping[str, str]) -> LadderRow:
    keys = [key for key in {**method, **own} if own.get(key) != method.get(key)]
    if not keys:
        return LadderRow(names[0], tuple(names), "method", "the method")
    if own.get("train") == "false":
        differs = f"{own.get('base.name', '')} as it is"
        return LadderRow(names[0], tuple(names), "untrained", differs)
    told = [key for key in keys if key != "base.name"] if _only_motion(keys) else keys
    if "base.name" in told:  # what its name stands for
        told = [key for key in told if not key.startswith("base.") or key == "base.name"]
    differs = ", ".join(f"{key} {own.get(key, _ABSENT)}" for key in told)
    return LadderRow(names[0], tuple(names), _group(keys), differs)


def _as_trained(own: Mapping[str, str], method: Mapping[str, str], name: str) -> Mapping[str, str]:
    """A row that only looks at the method's policy again is trained as the method is."""
    if own.get("train") == "false" and own.get("after") == name:
        trained = {key: method[key] for key in ("train", "after") if key in method}
        return {key: value for key, value in own.items() if key not in ("train", "after")} | trained
    return own


def _group(keys: Collection[str]) -> str:
    sections = {key.split(".")[0] for key in keys}
    if "training.method" in keys or "after" in keys:
        return "training"
    if sections == {"base"} and not _only_motion(keys):
        return "backbone"
    return "frames" if sections == {"clips"} else "ablation"


def _only_motion(keys: Collection[str]) -> bool:
    """Whether of the base policy nothing differs but its motion branch, and so its name."""
    of_base = {key for key in keys if key.startswith("base.") and key != "base.name"}
    return bool(of_base) and all(key.startswith("base.motion") for key in of_base)


def _flat(row: Mapping[str, Any]) -> dict[str, str]:
    leaves = flat({key: value for key, value in row.items() if key not in _NOT_COMPARED})
    return {key: _told(value) for key, value in leaves.items()}


def _told(value: Any) -> str:
    """As params.yaml writes it.

    >>> _told(False), _told(None), _told(0.5)
    ('false', 'null', '0.5')
    """
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
