"""SRCC and PLCC of several runs over the same videos and the same resamples of them.

What two runs are compared on are the videos that both have a score of.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from vqathinker.errors import InputError
from vqathinker.evaluation.agreement import contents_of
from vqathinker.evaluation.intervals import Agreement, bootstrap, generator_of
from vqathinker.evaluation.predictions import read_predictions
from vqathinker.params import IntervalsParams
from vqathinker.parquet import read_columns
from vqathinker.products import MANIFEST

__all__ = ["Agreements", "Labels", "read_agreements"]


@dataclass(frozen=True, eq=False)
class Labels:
    """MOS of a benchmark by video, and contents by video, None where none is known."""

    mos: pd.Series
    contents: pd.Series


@dataclass(eq=False)
class Agreements:
    """Resampled agreement of runs with benchmarks; what was drawn once is kept.

    `scores` are finite, by video, of (run, benchmark); `labels` of each benchmark; `params` say how
    it is resampled.
    """

    scores: Mapping[tuple[str, str], pd.Series]
    labels: Mapping[str, Labels]
    params: IntervalsParams
    _drawn: dict[tuple[str, frozenset[str]], dict[str, Agreement]] = field(default_factory=dict)

    @property
    def runs(self) -> list[str]:
        """Every run that has scores."""
        return list(dict.fromkeys(run for run, _ in self.scores))

    def of(self, runs: Sequence[str], benchmark: str) -> list[Agreement] | None:
        """Agreement of each run over the videos of which all have a score.

        None where one of them has no predictions of the benchmark.
        """
        if any((run, benchmark) not in self.scores for run in runs):
            return None
        shared = frozenset[str].intersection(
            *(frozenset(self.scores[run, benchmark].index) for run in runs)
        )
        key = (benchmark, shared)
        if key not in self._drawn:
            self._drawn[key] = self._draw(benchmark, shared)
        return [self._drawn[key][run] for run in runs]

    def _draw(self, benchmark: str, shared: frozenset[str]) -> dict[str, Agreement]:
        """Resample every run that has a score of all these videos."""
        labels = self.labels[benchmark]
        videos = [video for video in labels.mos.index if video in shared]
        fitting = {
            run: values.reindex(videos).to_numpy()
            for (run, name), values in self.scores.items()
            if name == benchmark and shared <= set(values.index)
        }
        found = bootstrap(
            np.stack(list(fitting.values())),
            labels.mos.reindex(videos).to_numpy(),
            contents_of(labels.contents.reindex(videos).to_numpy()),
            generator=generator_of(self.params.seed, benchmark),
            resamples=self.params.resamples,
        )
        return dict(zip(fitting, found, strict=True))


def read_agreements(
    predictions: Iterable[Path],
    manifests: Mapping[str, Path],
    params: IntervalsParams,
) -> Agreements:
    """Read predictions with the labels of their benchmarks.

    `manifests` maps a benchmark to its manifest.

    Raises:
        InputError: a benchmark has no manifest, or a file cannot be read.
    """
    labels = {name: _read_labels(path) for name, path in manifests.items()}
    scores: dict[tuple[str, str], pd.Series] = {}
    for path in predictions:
        given = read_predictions(path)
        name = given.benchmark
        if name not in manifests:
            raise InputError(
                f"{path} is of {name}, but manifests are there only of {sorted(manifests)}; give "
                "this benchmark's manifest too"
            )
        own = given.table.set_index("video")["score"].astype(float)
        scores[given.run, name] = own[np.isfinite(own) & own.index.isin(labels[name].mos.index)]
    return Agreements(scores, labels, params)


def _read_labels(path: Path) -> Labels:
    table = read_columns(path, ["video", "mos", "content"], MANIFEST).set_index("video")
    return Labels(table["mos"].astype(float), table["content"])
