"""What tables have to know of a scale: its benchmarks, its runs, and which run is the method."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vqathinker.params import DataParams, ReportParams, load_section
from vqathinker.phases.parameters import read_params

__all__ = ["IN_DOMAIN", "OUT_OF_DISTRIBUTION", "TableScale", "load_table_scale"]

IN_DOMAIN, OUT_OF_DISTRIBUTION = "in-domain", "out-of-distribution"


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
            **dict.fromkeys(data.in_domain, IN_DOMAIN),
            **dict.fromkeys(data.out_of_distribution, OUT_OF_DISTRIBUTION),
        },
        counts=dict(data.counts),
        runs=read_params(path)["runs"],
        method=load_section(path, ReportParams).method,
    )
