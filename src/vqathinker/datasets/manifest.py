"""The manifest of a set: one row for every row of its label file, nothing dropped in silence.

A row whose video is missing or damaged keeps its label
and gets a status and a reason, so that every later count (n, n_missing, n_damaged) can be told from
the file. The file also says how many rows the set should have, so that tables can tell when it has
fewer.
"""

import csv
import json
import math
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.progress import track

from vqathinker.atomic import whole_file
from vqathinker.datasets.card import Card
from vqathinker.datasets.labels import LabelError, read_labels
from vqathinker.datasets.manifest_origin import origin_of_manifest
from vqathinker.datasets.matching import match_videos, video_files
from vqathinker.errors import InputError, reading
from vqathinker.products import MANIFEST
from vqathinker.video.damage import DamagedVideo
from vqathinker.video.probe import Probe, probe_all

__all__ = [
    "SET_KEY",
    "build_manifest",
    "read_manifest",
    "videos_folder",
    "write_manifest",
]

# Key of the file's metadata: JSON with set, expected (rows, or null) and made; of a set that was
# fetched also labels (file and sha256) and files_sha256 (of the receipt's list of files).
SET_KEY = "set"

_SCHEMA = pa.schema(
    {
        "video": pa.string(),
        "file": pa.string(),
        "mos": pa.float64(),
        "mos_training": pa.float64(),
        "split": pa.string(),
        "domain": pa.string(),
        "content": pa.string(),
        "kind": pa.string(),
        "width": pa.int64(),
        "height": pa.int64(),
        "fps": pa.float64(),
        "frames": pa.int64(),
        "duration_s": pa.float64(),
        "codec": pa.string(),
        "pixel_format": pa.string(),
        "status": pa.string(),
        "reason": pa.string(),
    }
)


def videos_folder(card: Card) -> str:
    """Where the videos of a set lie, as a path from its source folder `data/<set>/source`."""
    return f"../../{card.files_of}/source/videos" if card.files_of else "videos"


def build_manifest(
    source: Path, card: Card, expected: int | None = None, workers: int = 1
) -> pd.DataFrame:
    """Join the labels of a set with the facts of its video files.

    Args:
        source: the set's folder, with the label file and `videos/`.
        card: the set's card.
        expected: rows the label file must have (data.counts); None: as many as the card says.
        workers: videos that are looked at at a time.

    Returns:
        One row per label, in the label file's order. Columns: video (id), file (from `source`),
        mos (as published; mirrored on its scale where lower is better, NaN in a set of questions),
        mos_training (on the scale of the training labels), split, domain, content (None where no
        contents are known), kind (of degradation; None but in sets made here), width and height
        (pixels as displayed), fps, frames, duration_s, codec, pixel_format (all None without a
        readable video; see `video.probe.Probe`), status ("ok", "missing" or one of
        `video.damage.STATUSES`) and reason (of an ok video: what else to know of it, mostly None).

    Raises:
        LabelError: the label file is not as it must be, or has another number of rows, or a label
            could mean two files.
        DisturbedJobError: a video could not be looked at, for a reason that lies outside of it.
    """
    labels = read_labels(source, card)
    _require_row_count(source / card.label.file, len(labels), card, expected)
    made = _read_degradations(source / "degradations.csv") if card.made else {}
    folder = videos_folder(card)
    matched = match_videos(labels["video"], video_files(source / folder), card.match)
    console = Console(stderr=True)
    quiet = not console.is_terminal
    files = [f"{folder}/{matched.get(video, video)}" for video in labels["video"]]
    pairs = list(zip(labels["video"], labels["mos"], strict=True))
    probed = probe_all([source / file for file in files], workers=workers)
    found = track(probed, f"probing {card.name}", len(files), console=console, disable=quiet)
    rows = []
    for (video, published), file, facts in zip(pairs, files, found, strict=True):
        mos = _oriented_mos(published, card)
        label = {
            "video": video,
            "mos": mos,
            "mos_training": _training_mos(mos, card),
            "split": card.split,
            "domain": card.domain,
            "content": _content_id(video, card),
            **made.get(video, {}),
        }
        rows.append(label | _file_facts(file, facts))
    return _to_frame(pa.Table.from_pylist(rows, schema=_SCHEMA))


def write_manifest(
    manifest: pd.DataFrame,
    path: Path,
    card: Card,
    source: Path | None = None,
    cards: Path | None = None,
) -> None:
    """Write a manifest as parquet, with what its card promises; no half file is ever left.

    Args:
        manifest: see `build_manifest`.
        path: the file.
        card: of the set.
        source: the folder it was built from: the file then tells which labels and files those were.
        cards: folder of your own cards, in which a rehearsal names its stand-ins.
    """
    table = pa.Table.from_pandas(manifest, schema=_SCHEMA, preserve_index=False)
    promise = {"set": card.name, "expected": card.expected, "made": card.made}
    if source is not None:
        promise |= origin_of_manifest(source, card, cards)
    with whole_file(path) as part:
        pq.write_table(table.replace_schema_metadata({SET_KEY: json.dumps(promise)}), part)


def read_manifest(path: Path) -> pd.DataFrame:
    """Read a manifest, see `build_manifest`.

    Raises:
        InputError: there is none, or it is none.
    """
    with reading(path, *MANIFEST):
        table = pq.read_table(path)
    if lacking := [name for name in _SCHEMA.names if name not in table.schema.names]:
        raise InputError(f"{path}: has no column {', '.join(lacking)}; expected {MANIFEST}")
    return _to_frame(table)


def _to_frame(table: pa.Table) -> pd.DataFrame:
    whole_numbers = {pa.int64(): pd.Int64Dtype()}  # None stays None instead of making floats
    return table.to_pandas(types_mapper=whole_numbers.get)


def _require_row_count(path: Path, rows: int, card: Card, configured: int | None) -> None:
    if card.expected is not None and configured is not None and configured != card.expected:
        raise LabelError(
            f"params.yaml: data.counts.{card.name} is {configured}, but the card expects "
            f"{card.expected}; set it to that, or write a card for a part of the set "
            "(`vqathinker data new`)"
        )
    wanted = card.expected if configured is None else configured
    if wanted is not None and rows != wanted:
        raise LabelError(
            f"{path}: {rows} rows, expected {wanted}; complete it, or set data.counts.{card.name} "
            "in params.yaml and `expected` in its card"
        )


def _oriented_mos(mos: float, card: Card) -> float:
    scale = card.label.scale
    return mos if scale is None or card.label.direction == "higher" else scale[0] + scale[1] - mos


def _content_id(video: str, card: Card) -> str | None:
    """What is shown, by the card's rule; the first group of a pattern that fits the whole id."""
    if card.content is None:
        return None
    if not (found := re.fullmatch(card.content, video)):
        raise LabelError(
            f"card {card.name}: video {video!r} has not the form of `content`, {card.content}"
        )
    return found[1]


def _training_mos(mos: float, card: Card) -> float:
    """MOS on the training scale: round(MOS / 20, 6) for LSVQ (docs/method.md, section 5)."""
    divisor = card.label.training_scale_divisor
    return mos if divisor is None or math.isnan(mos) else round(mos / divisor, 6)


def _read_degradations(path: Path) -> dict[str, dict[str, str]]:
    """Content and kind of degradation of each video; empty for a set that does not tell."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        return {row["video"]: {key: row[key] for key in ("content", "kind")} for row in rows}


def _file_facts(file: str, facts: Probe | DamagedVideo | FileNotFoundError) -> dict[str, Any]:
    if isinstance(facts, FileNotFoundError):
        return {"file": file, "status": "missing", "reason": f"no file {file}"}
    if isinstance(facts, DamagedVideo):
        return {"file": file, "status": facts.status, "reason": facts.reason}
    return {
        "file": file,
        "width": facts.width,
        "height": facts.height,
        "fps": facts.fps,
        "frames": facts.frames,
        "duration_s": facts.duration_s,
        "codec": facts.codec,
        "pixel_format": facts.pixel_format,
        "status": "ok",
        "reason": facts.note or None,
    }
