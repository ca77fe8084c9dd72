"""Read and validate the labels of a set: one MOS per video id, no row dropped silently.

An id includes the folder of the video, because LSVQ has equal names in different folders. The card
defines how to read a label file; see `readers` and `questions` for the formats.
"""

import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

from vqathinker.acquisition.safe_path import is_printable_name
from vqathinker.datasets import questions, readers
from vqathinker.datasets.card import Card, LabelError, LabelFile
from vqathinker.datasets.matching import format_names, normalize_path
from vqathinker.hashing import sha256_of_file

_READERS: dict[str, Callable[[Path, LabelFile], Iterator[readers.Row]]] = {
    "annotations": readers.read_annotations,
    "csv": readers.read_csv,
    "comma": readers.read_comma,
    "wide": readers.read_wide,
    "maxwell": readers.read_maxwell,
    "finevd": questions.read_finevd_rows,
    "q_bench_video": questions.read_q_bench_rows,
}
# Stricter than float(), which also accepts 3_5, nan, inf and digits of other scripts.
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


def read_labels(source: Path, card: Card) -> pd.DataFrame:
    """Read the first label file of a set from its source folder.

    Returns:
        Columns video (id) and mos (as published; NaN for questions), in the order of the file.

    Raises:
        LabelError: the file is missing, has another hash than the card, or see `read_label_file`.
    """
    label = card.label
    for name in (label.file, label.names):
        if name is not None:
            _require_label_file(source / name, card)
    return read_label_file(source / label.file, label)


def read_label_file(path: Path, label: LabelFile) -> pd.DataFrame:
    """Read one label file as `label` describes it; columns as in `read_labels`.

    Raises:
        LabelError: the file is missing, has another format or no rows; or a row has an invalid or
            duplicate id, or a MOS that is not a number on the scale.
    """
    labels: dict[str, float] = {}
    for row in _READERS[label.reader](path, label):
        video = _parse_video_id(row, label)
        if video in labels:
            raise LabelError(f"{row.place}: video {video!r} already has a label; keep one of them")
        labels[video] = math.nan if row.mos is None else _parse_mos(row.mos, row.place, label)
    if not labels:
        raise LabelError(f"{path}: no rows; expected one per video")
    return pd.DataFrame({"video": list(labels), "mos": list(labels.values())})


def find_disagreements(source: Path, card: Card) -> list[str]:
    """Compare the other label files in `source` with the first; one line per difference.

    Extra videos in the other files are ignored, because lists of other projects are longer.

    Raises:
        LabelError: a label file cannot be read.
    """
    found: list[str] = []
    for label in card.labels[1:]:
        path, agreement = source / label.file, label.agrees
        if agreement is None or not path.is_file():
            continue
        _require_label_file(path, card)
        first = read_labels(source, card).set_index("video")["mos"]
        other = read_label_file(path, label).set_index("video")["mos"].reindex(first.index)
        if missing := sorted(other.index[other.isna()]):
            found.append(f"{path}: no row for {len(missing)} videos: {format_names(missing)}")
        differs = (first - agreement.times * other).abs() > agreement.within
        if differs.any():
            examples = [
                f"{video} ({first[video]:g} and {agreement.times:g} × {other[video]:g})"
                for video in sorted(first.index[differs])
            ]
            number = f"{path}: {len(examples)} labels differ from {card.label.file}"
            found.append(f"{number}: {format_names(examples)}")
    return found


def _require_label_file(path: Path, card: Card) -> None:
    if not path.is_file():
        hint = f"fetch the set with `vqathinker data fetch {card.name}`"
        raise LabelError(f"{path}: label file not found; {hint}")
    for file in card.files:
        if file.sha256 and (file.name, file.folder()) == (path.name, "."):
            digest = sha256_of_file(path)
            if digest != file.sha256:
                raise LabelError(
                    f"{path}: sha256 is {digest}, expected {file.sha256} (card {card.name}); fetch "
                    "it again, or write a card for your own labels (`vqathinker data new`)"
                )


def _parse_video_id(row: readers.Row, label: LabelFile) -> str:
    video = normalize_path(row.video.strip())
    if label.rename is not None:
        pattern = label.rename.pattern
        match = re.fullmatch(pattern, row.video.strip()) or re.fullmatch(pattern, video)
        if match is None:
            raise LabelError(f"{row.place}: video is {row.video!r}, expected {pattern} (`rename`)")
        video = normalize_path(match.expand(label.rename.becomes))
    # Absolute paths, ~, Windows drives and addresses are outside the source folder.
    outside = re.match(r"/|~|[\w+.-]+:/", video) or ".." in video.split("/")
    if not video or outside or not is_printable_name(video):
        raise LabelError(
            f"{row.place}: video is {row.video!r}, expected a path below videos/ such as "
            "batch1/747.mp4; use `rename` in the card to remove a leading folder"
        )
    return video


def _parse_mos(text: str, place: str, label: LabelFile) -> float:
    if label.scale is None:
        raise LabelError(f"{place}: mos is {text!r}, but the card has no `scale`; add it")
    low, high = label.scale
    text = text.strip()
    mos = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not low <= mos <= high:
        expected = f"a number from {low:g} to {high:g}, the `scale` of the card"
        raise LabelError(f"{place}: mos is {text!r}, expected {expected}")
    return mos
