"""The report's data for every clip: columns for the plots, and texts for the clip dialog.

Columns are lists in the order of the manifest, which keeps 17,036 clips small. The total size of
the texts is limited, because they make the page large.
"""

import base64
import gzip
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from vqathinker.evaluation.predictions import RAW, Predictions, read_predictions
from vqathinker.params import PerturbationParams
from vqathinker.parquet import read_columns
from vqathinker.products import MANIFEST, PERTURBED
from vqathinker.video.perturb import draw_each_kind
from vqathinker.video.thumbnails import Thumbnails, webp

_LABELS = ("video", "mos", "mos_training", "status", "reason", "content", "kind")
_FILE = ("width", "height", "fps", "duration_s", "codec")
_MAX_TEXT_BYTES = 12_000_000  # compressed texts in the page
_MAX_INLINE_BYTES = 2_000_000  # thumbnails in the page; otherwise they stay in files
_N_EXAMPLES = 3  # clips below each heading
_WEBP_QUALITY = 60


class BenchmarkClips(NamedTuple):
    """The clips of one benchmark, in the order of its manifest.

    Attributes:
        name: of the benchmark.
        columns: video, mos (as published), target (MOS on the score scale), kind, content, failure
            (why a clip has no frames, or None), facts (about the file), and for each run scores,
            spreads and methods (kind of score: greedy, mean or expected).
        texts: for each run, completion and status of every clip; copies, a list of [kind, score,
            completion, order of frames] by run and row. In an order, -1 is a blank frame. A
            completion is False if it is left out of the page.
    """

    name: str
    columns: dict[str, Any]
    texts: dict[str, Any]


def benchmark_clips(
    predictions: Sequence[Predictions], manifests: Mapping[str, Path], perturbed: Sequence[Path]
) -> list[BenchmarkClips]:
    """The clips of every benchmark that has a manifest, with the predictions of each run.

    Raises:
        InputError: a file cannot be read or lacks a column.
    """
    for path in perturbed:
        read_columns(path, ["video", "kind"], PERTURBED)
    copies = [read_predictions(path) for path in perturbed]
    return [
        _benchmark(name, path, *([one for one in given if one.benchmark == name]
                                 for given in (predictions, copies)))
        for name, path in manifests.items()
    ]  # fmt: skip


def _benchmark(
    name: str, manifest: Path, predicted: Sequence[Predictions], copied: Sequence[Predictions]
) -> BenchmarkClips:
    labels = read_columns(manifest, [*_LABELS, *_FILE], MANIFEST)
    videos = labels["video"].tolist()
    columns: dict[str, Any] = {
        "video": videos,
        "mos": _numbers(labels["mos"]),
        "target": _numbers(labels["mos_training"]),
        "content": _texts(labels["content"]),
        "kind": _texts(labels["kind"]),
        "failure": _texts(labels["reason"].where(labels["status"] != "ok")),
        "facts": [
            "" if pd.isna(row.width)  # the file could not be probed
            else f"{row.width:.0f}×{row.height:.0f}, {row.fps:g} fps, {row.duration_s:.1f} s, "
            f"{row.codec}"
            for row in labels.itertuples()
        ],
        "scores": {}, "spreads": {}, "methods": {},
    }  # fmt: skip
    texts: dict[str, Any] = {"completion": {}, "status": {}, "copies": {}}
    for one in predicted:
        table = one.table.drop_duplicates("video").set_index("video").reindex(videos)
        columns["scores"][one.run] = _numbers(table["score"])
        columns["methods"][one.run] = one.score
        if (spread := f"{one.score}_spread") in table:
            columns["spreads"][one.run] = _numbers(table[spread])
        texts["completion"][one.run] = _texts(table["completion"])
        texts["status"][one.run] = _texts(table["parse_status"])
    rows = {video: row for row, video in enumerate(videos)}
    for one in copied:
        texts["copies"][one.run] = dict(_copies(one, rows))
    return BenchmarkClips(name, columns, texts)


def _copies(given: Predictions, rows: Mapping[str, int]) -> Iterator[tuple[str, list[Any]]]:
    """Row of a clip to its perturbed copies."""
    for video, own in given.table.groupby("video", sort=False):
        if video in rows:
            found, order = own[own["kind"] != RAW], _orders(given.provenance, str(video))
            kinds = _texts(found["kind"])
            copies = zip(kinds, _numbers(found["score"]), _texts(found["completion"]), strict=True)
            yield str(rows[video]), [[*copy, order.get(str(copy[0]), [])] for copy in copies]


def _orders(provenance: Mapping[str, Any], video: str) -> dict[str, list[int]]:
    """The order of frames of each copy, drawn again with the recorded parameters."""
    params = PerturbationParams(draws=1, **provenance["perturbations"])
    frames = int(str(provenance["setting"]).partition("x")[0])
    return {
        drawn.kind: [
            -1 if blank else index for index, blank in zip(drawn.indices, drawn.blank, strict=True)
        ]
        for drawn in draw_each_kind(video, frames, int(provenance["seed"]), params)
    }


def limit_texts(run: str, benchmarks: Sequence[BenchmarkClips]) -> int:
    """Replace completions beyond the limit by False; returns their number.

    Completions of `run` have priority over those of its copies and of other runs. All completions
    of a run on a benchmark are kept or left out together.
    """
    # Priority, and (list, index) of each text.
    columns: list[tuple[int, list[tuple[list[Any], int]]]] = []
    for one in benchmarks:
        for name, texts in one.texts["completion"].items():
            places = [(texts, row) for row in range(len(texts))]
            columns.append((2 * (name != run), places))
        for name, copies in one.texts["copies"].items():
            places = [(copy, 2) for own in copies.values() for copy in own]
            columns.append((1 + 2 * (name != run), places))
    size, left_out = 0, 0
    for _, places in sorted(columns, key=lambda column: column[0]):
        if size <= _MAX_TEXT_BYTES:  # compression is slow
            size += len(compress_json([texts[at] for texts, at in places]))
        if size > _MAX_TEXT_BYTES:
            left_out += sum(bool(texts[at]) for texts, at in places)
            for texts, at in places:
                texts[at] = texts[at] and False
    return left_out


def compress_json(content: Any) -> str:
    """JSON, gzipped, in base64, which contains no characters with a meaning in HTML."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return compress_text(text)


def compress_text(text: str) -> str:
    """Text, gzipped, in base64, with reproducible bytes."""
    return base64.b64encode(gzip.compress(text.encode(), 6, mtime=0)).decode("ascii")


def _numbers(column: pd.Series) -> list[float | None]:
    values = column.astype(float).tolist()
    return [None if math.isnan(value) else round(value, 4) for value in values]


def _texts(column: pd.Series) -> list[str | None]:
    pairs = zip(column, column.notna(), strict=True)
    return [str(value) if known else None for value, known in pairs]


class ThumbnailSheets(NamedTuple):
    """The thumbnails for the page's script.

    `of` maps a benchmark to frames, px, rows, the place of each clip (None without thumbnail), and
    its sheets: ids of blocks in `inside`, or addresses of files if `in_files`.
    """

    of: dict[str, dict[str, Any]]
    inside: dict[str, str]
    in_files: bool


def thumbnail_sheets(
    thumbnails: Mapping[str, Thumbnails], benchmarks: Sequence[BenchmarkClips], page: Path
) -> ThumbnailSheets:
    """The thumbnails of every benchmark; `page` is the path of the page."""
    paths = {name: [one.folder / sheet for sheet in one.sheets] for name, one in thumbnails.items()}
    size = sum(path.stat().st_size for own in paths.values() for path in own)
    found = ThumbnailSheets({}, {}, size > _MAX_INLINE_BYTES)
    for benchmark in benchmarks:
        if (one := thumbnails.get(benchmark.name)) is None:
            continue
        places = {video: place for place, video in enumerate(one.videos)}
        names = [
            Path(os.path.relpath(path, page.parent)).as_posix() for path in paths[benchmark.name]
        ]
        if not found.in_files:
            first = len(found.inside)
            names = [f"sheet-{first + number}" for number in range(len(names))]
            own = (path.read_bytes() for path in paths[benchmark.name])
            found.inside.update(zip(names, map(_base64, own), strict=True))
        found.of[benchmark.name] = {
            "frames": one.frames, "px": one.px, "rows": one.rows, "sheets": names,
            "place": [places.get(video) for video in benchmark.columns["video"]],
        }  # fmt: skip
    return found


def pick_examples(
    run: str, benchmarks: Sequence[BenchmarkClips], thumbnails: Mapping[str, Thumbnails]
) -> dict[str, list[dict[str, Any]]]:
    """The clips that a run rates best and worst, and those with the largest errors, by heading.

    `picture` shows the clip's frames as WebP in base64, of `width` x `height`, or is None.
    """
    known = [
        (score, target, benchmark, row)
        for benchmark in benchmarks
        for row, (score, target) in enumerate(
            zip(benchmark.columns["scores"].get(run, []), benchmark.columns["target"], strict=False)
        )
        if score is not None
    ]
    by_score = sorted(known, key=lambda one: one[0])
    by_error = sorted((one for one in known if one[1] is not None), key=lambda one: one[0] - one[1])
    headings = {
        "Rated best": by_score[::-1][:_N_EXAMPLES],
        "Rated worst": by_score[:_N_EXAMPLES],
        "Most overrated": [one for one in by_error[::-1][:_N_EXAMPLES] if one[0] > one[1]],
        "Most underrated": [one for one in by_error[:_N_EXAMPLES] if one[0] < one[1]],
    }
    return {
        heading: [_pick(run, *one, thumbnails.get(one[2].name)) for one in picked]
        for heading, picked in headings.items()
        if picked
    }


def _pick(
    run: str, score: float, target: float | None, of: BenchmarkClips, row: int,
    small: Thumbnails | None,
) -> dict[str, Any]:  # fmt: skip
    video = of.columns["video"][row]
    strip = small.strip(video) if small else None
    width, height = (0, 0) if strip is None else strip.size
    return {
        "benchmark": of.name, "row": row, "video": video, "score": score, "target": target,
        "completion": of.texts["completion"][run][row], "width": width, "height": height,
        "picture": None if strip is None else _base64(webp(strip, _WEBP_QUALITY)),
    }  # fmt: skip


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
