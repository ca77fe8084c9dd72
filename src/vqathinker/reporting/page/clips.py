"""The page's data of every clip: columns for the plots, and texts for an opened clip.

Columns are lists in the order of the manifest, so that seventeen thousand clips stay small. Texts
make a page large, so their total size has a limit.
"""

import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from vqathinker.evaluation.predictions import RAW, Predictions, read_predictions
from vqathinker.params import PerturbationParams
from vqathinker.parquet import read_columns
from vqathinker.products import MANIFEST, PERTURBED
from vqathinker.reporting.page.embed import base64_text
from vqathinker.video.perturb import draw_each_kind
from vqathinker.video.thumbnails import Thumbnails, webp

_LABELS = ["video", "mos", "mos_training", "status", "reason", "content", "kind"]
_FACTS = ("width", "height", "fps", "duration_s", "codec")
_LONGEST = 4000  # characters of a completion; the whole stands in the predictions
_TEXTS = 12_000_000  # bytes that the completions of a page take in it, packed
_IN_THE_PAGE = 2_000_000  # bytes of all sheets together; above, they stay beside it
_DECIMALS = 4
_EACH = 3
_QUALITY = 60


class Benchmark(NamedTuple):
    """The clips of one benchmark, row by row of its manifest.

    Attributes:
        name: of the benchmark.
        columns: video, mos (as published), target (MOS on the scale of scores), kind, content,
            why (a clip has no frames; None where it has), facts (of the file, in words), and for
            each run scores, spreads and methods (the kind of score: greedy, mean or expected).
        texts: for each run completion and status of every clip; copies, a list of [kind, score,
            completion, order of frames] by run and row. In an order, -1 is a blank frame. False
            stands for a completion that the page leaves out.
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
    for path in perturbed:
        read_columns(path, ["video", "kind"], PERTURBED)
    copies = [read_predictions(path) for path in perturbed]
    return [
        _benchmark(name, path, *([one for one in given if one.benchmark == name]
                                 for given in (predictions, copies)))
        for name, path in manifests.items()
    ]  # fmt: skip


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
    for video, own in said.table.groupby("video", sort=False):
        if video in rows:
            found, order = own[own["kind"] != RAW], _orders(said.provenance, str(video))
            kinds, texts = _words(found["kind"]), map(_cut, _words(found["completion"]))
            copies = zip(kinds, _numbers(found["score"]), texts, strict=True)
            yield str(rows[video]), [[*copy, order.get(str(copy[0]), [])] for copy in copies]


def _orders(provenance: Mapping[str, Any], video: str) -> dict[str, list[int]]:
    """The order of frames of each copy, drawn again from what the predictions record."""
    if not {"perturbations", "seed", "setting"} <= provenance.keys():
        return {}
    params = PerturbationParams(draws=1, **provenance["perturbations"])
    frames = int(str(provenance["setting"]).partition("x")[0])
    return {
        drawn.kind: [
            -1 if blank else index for index, blank in zip(drawn.indices, drawn.blank, strict=True)
        ]
        for drawn in draw_each_kind(video, frames, int(provenance["seed"]), params)
    }


def leave_out(run: str, benchmarks: Sequence[Benchmark], limit: int = _TEXTS) -> int:
    """Replace the completions above the limit by False; returns how many they are.

    Kept are first those of `run`, those it is most wrong about before others, then those of its
    copies, then those of the other runs.
    """
    packer, size, left_out = zlib.compressobj(), 0.0, 0
    for *_, texts, place in sorted(_completions(run, benchmarks), key=lambda one: one[:2]):
        if (text := texts[place]) and size <= limit:
            # Four characters of base64 hold three bytes.
            size += len(packer.compress(text.encode())) * 4 / 3
        if text and size > limit:
            texts[place] = False
            left_out += 1
    return left_out


def _completions(
    run: str, benchmarks: Sequence[Benchmark]
) -> Iterator[tuple[int, float, list[Any], int]]:
    """How much a completion is wanted, smaller is more; the list that it is in, and its place."""
    for one in benchmarks:
        scores = one.columns["scores"].get(run, [])
        error = [
            float("-inf") if score is None or target is None else -abs(score - target)
            for score, target in zip(scores, one.columns["target"], strict=False)
        ] or [0.0] * len(one.columns["video"])
        for name, texts in one.texts["completion"].items():
            yield from ((2 * (name != run), error[row], texts, row) for row in range(len(texts)))
        for name, copies in one.texts["copies"].items():
            for row, own in copies.items():
                yield from ((1 + 2 * (name != run), error[int(row)], copy, 2) for copy in own)


def _numbers(column: pd.Series) -> list[float | None]:
    return [None if pd.isna(value) else round(float(value), _DECIMALS) for value in column]


def _words(column: pd.Series) -> list[str | None]:
    return [None if pd.isna(value) else str(value) for value in column]


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]} … (cut here; the whole stands in the predictions)"


class Sheets(NamedTuple):
    """The thumbnails as the page's script reads them.

    `of` maps a benchmark to frames, px, rows, the place of each clip (None without one), and its
    sheets: names of blocks of `inside`, or addresses of files.
    """

    of: dict[str, dict[str, Any]]
    inside: dict[str, str]
    beside: bool


def sheets_of(
    thumbnails: Mapping[str, Thumbnails], benchmarks: Sequence[Benchmark], page: Path
) -> Sheets:
    """Where the script finds the frames of every clip; `page` is where the page will lie."""
    size = sum(
        (one.folder / name).stat().st_size for one in thumbnails.values() for name in one.sheets
    )
    beside = size > _IN_THE_PAGE
    found = Sheets({}, {}, beside)
    for number, benchmark in enumerate(benchmarks):
        one = thumbnails.get(benchmark.name)
        if one is None:
            continue
        places = {video: place for place, video in enumerate(one.videos)}
        names = [f"sheet-{number}-{sheet}" for sheet in range(len(one.sheets))]
        if beside:
            folder = Path(os.path.relpath(one.folder, page.parent)).as_posix()
            names = [f"{folder}/{sheet}" for sheet in one.sheets]
        else:
            for name, sheet in zip(names, one.sheets, strict=True):
                found.inside[name] = base64_text((one.folder / sheet).read_bytes())
        found.of[benchmark.name] = {
            "frames": one.frames, "px": one.px, "rows": one.rows, "sheets": names,
            "place": [places.get(video) for video in benchmark.columns["video"]],
        }  # fmt: skip
    return found


class Pick(NamedTuple):
    """A clip worth a look: `picture` is its frames in base64, WebP of `width` x `height`."""

    benchmark: str
    row: int
    video: str
    score: float
    target: float | None
    said: str
    picture: str | None
    width: int
    height: int


def picks_of(
    run: str, benchmarks: Sequence[Benchmark], thumbnails: Mapping[str, Thumbnails]
) -> dict[str, list[Pick]]:
    """By heading the clips that a run rates best and worst, and those it is most wrong about."""
    known = [
        (score, target, benchmark, row)
        for benchmark in benchmarks
        for row, (score, target) in enumerate(
            zip(benchmark.columns["scores"].get(run, []), benchmark.columns["target"], strict=False)
        )
        if score is not None
    ]
    judged = [one for one in known if one[1] is not None]
    by_score = sorted(known, key=lambda one: one[0])
    by_error = sorted(judged, key=lambda one: one[0] - one[1])
    headings = {
        "Rated best": by_score[::-1][:_EACH],
        "Rated worst": by_score[:_EACH],
        "Most overrated": [one for one in by_error[::-1][:_EACH] if one[0] > one[1]],
        "Most underrated": [one for one in by_error[:_EACH] if one[0] < one[1]],
    }
    return {
        heading: list(_drawn(run, picked, thumbnails))
        for heading, picked in headings.items()
        if picked
    }


def _drawn(run: str, picked: Sequence[Any], thumbnails: Mapping[str, Thumbnails]) -> Iterator[Pick]:
    for score, target, benchmark, row in picked:
        video = benchmark.columns["video"][row]
        said = benchmark.texts["completion"][run][row] or ""
        one = thumbnails.get(benchmark.name)
        strip = one.strip(video) if one else None
        picture = None if strip is None else base64_text(webp(strip, _QUALITY))
        size = (0, 0) if strip is None else strip.size
        yield Pick(benchmark.name, row, video, score, target, said, picture, *size)
