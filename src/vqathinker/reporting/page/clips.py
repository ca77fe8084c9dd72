"""What the page knows of every clip: columns for the plots, and texts that only an open one needs.

Columns are lists in the order of the manifest, so that seventeen thousand clips stay small.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from vqathinker.evaluation.predictions import RAW, Predictions, read_predictions
from vqathinker.params import PerturbationParams
from vqathinker.parquet import read_columns
from vqathinker.products import MANIFEST, PERTURBED
from vqathinker.video.perturb import draw_each_kind

__all__ = ["Benchmark", "benchmarks_of"]

_LABELS = ["video", "mos", "mos_training", "status", "reason", "content", "kind"]
_FACTS = ("width", "height", "fps", "duration_s", "codec")
_LONGEST = 4000  # characters of a completion; the whole stands in the predictions
_DECIMALS = 4


class Benchmark(NamedTuple):
    """The clips of one benchmark, row by row of its manifest.

    Attributes:
        name: of the benchmark.
        columns: video, mos (as published), target (MOS on the scale of scores), kind, content,
            why (a clip has no frames; None where it has), facts (of the file, in words), and for
            each run scores, spreads and methods (the kind of score: greedy, mean or expected).
        texts: for each run completion and status of every clip; copies, a list of [kind, score,
            completion, order of frames] by run and row. In an order, -1 is a blank frame.
    """

    name: str
    columns: dict[str, Any]
    texts: dict[str, Any]


def benchmarks_of(
    predictions: Sequence[Predictions], manifests: Mapping[str, Path], perturbed: Sequence[Path]
) -> list[Benchmark]:
    """The clips of every benchmark that has a manifest, with what each run says of them.

    Raises:
        InputError: a file is not what it should be.
    """
    copies = [_read_perturbed(path) for path in perturbed]
    return [
        _benchmark(
            name,
            path,
            [one for one in predictions if one.benchmark == name],
            [one for one in copies if one.benchmark == name],
        )
        for name, path in manifests.items()
    ]


def _read_perturbed(path: Path) -> Predictions:
    read_columns(path, ["video", "kind"], PERTURBED)
    return read_predictions(path)


def _benchmark(
    name: str, manifest: Path, said: Sequence[Predictions], copied: Sequence[Predictions]
) -> Benchmark:
    labels = read_columns(manifest, _LABELS, MANIFEST)
    videos = labels["video"].tolist()
    right = labels["status"] == "ok"
    columns: dict[str, Any] = {
        "video": videos,
        "mos": _numbers(labels["mos"]),
        "target": _numbers(labels["mos_training"]),
        "content": _words(labels["content"]),
        "kind": _words(labels["kind"]),
        "why": _words(labels["reason"].where(~right)),
        "facts": _facts(manifest),
        "scores": {},
        "spreads": {},
        "methods": {},
    }
    texts: dict[str, Any] = {"completion": {}, "status": {}, "copies": {}}
    for one in said:
        table = one.table.drop_duplicates("video").set_index("video").reindex(videos)
        columns["scores"][one.run] = _numbers(table["score"])
        columns["methods"][one.run] = one.score
        spread = f"{one.score}_spread"
        if spread in table:
            columns["spreads"][one.run] = _numbers(table[spread])
        texts["completion"][one.run] = [_cut(text) for text in _words(table["completion"])]
        texts["status"][one.run] = _words(table["parse_status"])
    rows = {video: row for row, video in enumerate(videos)}
    for one in copied:
        texts["copies"][one.run] = dict(_copies(one, rows))
    return Benchmark(name, columns, texts)


def _facts(manifest: Path) -> list[str]:
    """As `1280×720, 30 fps, 8.0 s, h264`; empty where a file could not be probed."""
    try:
        table = pd.read_parquet(manifest, columns=list(_FACTS))
    except (KeyError, ValueError):
        return []
    return [
        "" if pd.isna(row.width)
        else f"{row.width:.0f}×{row.height:.0f}, {row.fps:g} fps, {row.duration_s:.1f} s, "
        f"{row.codec}"
        for row in table.itertuples()
    ]  # fmt: skip


def _copies(said: Predictions, rows: Mapping[str, int]) -> Iterator[tuple[str, list[Any]]]:
    """Row of a clip to its copies; without the clip itself, which is among the rows, too."""
    orders = _Orders(said.provenance)
    for video, own in said.table.groupby("video", sort=False):
        if video in rows:
            found = own[own["kind"] != RAW]
            told = zip(
                _words(found["kind"]), _numbers(found["score"]), _words(found["completion"]),
                strict=True,
            )  # fmt: skip
            order = orders.of(str(video))
            yield (
                str(rows[video]),
                [[kind, score, _cut(text), order.get(str(kind), [])] for kind, score, text in told],
            )


class _Orders:
    """The order of frames of each copy, drawn again from what the predictions record."""

    def __init__(self, provenance: Mapping[str, Any]) -> None:
        recorded = {"perturbations", "seed", "setting"} <= provenance.keys()
        self._params: PerturbationParams | None = None
        if recorded:
            self._params = PerturbationParams(draws=1, **provenance["perturbations"])
            self._seed = int(provenance["seed"])
            self._frames = int(str(provenance["setting"]).partition("x")[0])

    def of(self, video: str) -> dict[str, list[int]]:
        if self._params is None:
            return {}
        return {
            drawn.kind: [
                -1 if blank else index
                for index, blank in zip(drawn.indices, drawn.blank, strict=True)
            ]
            for drawn in draw_each_kind(video, self._frames, self._seed, self._params)
        }


def _numbers(column: pd.Series) -> list[float | None]:
    return [None if pd.isna(value) else round(float(value), _DECIMALS) for value in column]


def _words(column: pd.Series) -> list[str | None]:
    return [None if pd.isna(value) else str(value) for value in column]


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]} … (cut here; the whole stands in the predictions)"
