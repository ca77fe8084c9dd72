"""The manifest of a set: one row per label, none dropped silently.

A row whose video is missing or damaged keeps its label and gets a status and a reason. All later
counts (n, n_missing, n_damaged) are computed from this file. Its metadata holds the expected number
of rows, so that tables can report an incomplete set.
"""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from vqathinker.atomic import whole_file
from vqathinker.datasets.card import Card, LabelError, label_origin
from vqathinker.datasets.labels import read_labels
from vqathinker.datasets.matching import match_videos, video_files
from vqathinker.datasets.receipt import files_digest, read_receipt
from vqathinker.errors import InputError, reading
from vqathinker.hashing import sha256_of_file
from vqathinker.products import MANIFEST
from vqathinker.video.damage import DamagedVideo
from vqathinker.video.probe import Probe, probe_all

# Key in the metadata of the parquet file, see `write_manifest`.
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


def build_manifest(
    source: Path, card: Card, expected: int | None = None, workers: int = 1
) -> pd.DataFrame:
    """Join the labels of a set with facts about its video files.

    Args:
        source: source folder of the set, with the label file and `videos/`.
        expected: number of rows in params.yaml (data.counts), or None.
        workers: number of videos to probe in parallel.

    Returns:
        One row per label, in the order of the label file, with the columns of
        docs/reference/files.md. Facts of a video (see `video.probe.Probe`) are None if it is
        missing or damaged.

    Raises:
        LabelError: the label file is not valid, has an unexpected number of rows, or a label
            matches two files.
        JobError: a video could not be probed, for a reason outside the video.
    """
    labels = read_labels(source, card)
    counts = {"its card": card.expected, f"data.counts.{card.name} in params.yaml": expected}
    wrong = [f"{origin} says {n}" for origin, n in counts.items() if n not in {None, len(labels)}]
    if wrong:
        message = f"{source / card.label.file}: {len(labels)} rows, but {', '.join(wrong)}"
        raise LabelError(f"{message}; correct the wrong one")
    degradations = _read_degradations(source / "degradations.csv") if card.is_synthetic else {}
    folder = card.videos_folder
    matched = match_videos(labels["video"], video_files(source / folder), card.match)
    files = [f"{folder}/{matched.get(video, video)}" for video in labels["video"]]
    pairs = list(zip(labels["video"], labels["mos"], strict=True))
    probed = probe_all([source / file for file in files], workers=workers)
    found = tqdm(probed, desc=f"probing {card.name}", total=len(files), disable=None)
    scale, divisor = card.label.scale, card.label.training_scale_divisor
    is_rising = card.label.direction == "higher"
    rows = []
    for (video, published), file, facts in zip(pairs, files, found, strict=True):
        # Mirrored on the scale, so that higher is better.
        mos = published if scale is None or is_rising else scale[0] + scale[1] - published
        label = {
            "video": video,
            "mos": mos,
            # round(MOS / 20, 6) for LSVQ (docs/method.md, section 5)
            "mos_training": round(mos / divisor, 6) if divisor else mos,
            "split": "train" if card.role == "train" else "test",
            "domain": card.domain,
            "content": _content_id(video, card),
            **degradations.get(video, {}),
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
    """Write a manifest as parquet, atomically.

    The key `SET_KEY` of its metadata holds JSON: set, expected (rows or null) and made (whether the
    project generated the set). With `source` also labels (file and sha256), label_origin (see
    `card.label_origin`) and files_sha256 (see `receipt.files_digest`; null without a receipt).

    Args:
        source: the folder that the manifest was built from.
        cards: folder of your own cards, where a rehearsal puts its stand-ins.
    """
    table = pa.Table.from_pandas(manifest, schema=_SCHEMA, preserve_index=False)
    facts: dict[str, Any] = {"set": card.name, "expected": card.expected, "made": card.is_synthetic}
    if source is not None:
        receipt = source.with_name(f"{source.name}.json")
        digest = sha256_of_file(source / card.label.file)
        facts["labels"] = {"file": card.label.file, "sha256": digest}
        facts["label_origin"] = label_origin(card.name, cards)
        facts["files_sha256"] = files_digest(read_receipt(receipt)) if receipt.is_file() else None
    with whole_file(path) as part:
        pq.write_table(table.replace_schema_metadata({SET_KEY: json.dumps(facts)}), part)


def read_manifest(path: Path) -> pd.DataFrame:
    """Read a manifest, see `build_manifest`.

    Raises:
        InputError: the file is missing or not a manifest.
    """
    with reading(path, *MANIFEST):
        table = pq.read_table(path)
    if lacking := [name for name in _SCHEMA.names if name not in table.schema.names]:
        raise InputError(f"{path}: has no column {', '.join(lacking)}; expected {MANIFEST}")
    return _to_frame(table)


def _to_frame(table: pa.Table) -> pd.DataFrame:
    whole_numbers = {pa.int64(): pd.Int64Dtype()}  # otherwise None turns the column into floats
    return table.to_pandas(types_mapper=whole_numbers.get)


def _content_id(video: str, card: Card) -> str | None:
    if card.content is None:
        return None
    if not (found := re.fullmatch(card.content, video)):
        pattern = card.content
        raise LabelError(f"card {card.name}: video {video!r} does not match `content`, {pattern}")
    return found[1]


def _read_degradations(path: Path) -> dict[str, dict[str, str]]:
    """Content and kind of the strongest degradation by video; empty if there is no such file."""
    if not path.is_file():
        return {}
    table = pd.read_csv(path, dtype={"video": str, "content": str, "kind": str, "strength": float})
    strongest = table.loc[table.groupby("video")["strength"].idxmax()].set_index("video")
    return strongest[["content", "kind"]].to_dict("index")


def _file_facts(file: str, facts: Probe | DamagedVideo | FileNotFoundError) -> dict[str, Any]:
    if isinstance(facts, FileNotFoundError):
        return {"file": file, "status": "missing", "reason": f"no file {file}"}
    if isinstance(facts, DamagedVideo):
        return {"file": file, "status": facts.status, "reason": facts.reason}
    names = ("width", "height", "fps", "frames", "duration_s", "codec", "pixel_format")
    known = {name: getattr(facts, name) for name in names}
    return {"file": file, **known, "status": "ok", "reason": facts.note or None}
