"""A set's labels, checked: one MOS for each video id, and nothing dropped in silence.

An id is a path of the video, with its folder: LSVQ has equal names in different folders. What a
label file must look like stands in the card; see `readers` for the shapes it can have.
"""

import math
import re
from pathlib import Path, PurePosixPath

import pandas as pd

from vqathinker.acquisition.transfer.checksum import sha256_of
from vqathinker.datasets.card import Card, LabelError, LabelFile
from vqathinker.datasets.listing import join_first
from vqathinker.datasets.readers import read_rows

__all__ = ["LabelError", "find_disagreements", "read_label_file", "read_labels"]

_MOST_NAMED = 3


def read_labels(source: Path, card: Card) -> pd.DataFrame:
    """Read the label file that lists the set in the folder `source`.

    Returns:
        Columns video (id) and mos (as published; NaN in a set of questions), in the file's order.

    Raises:
        CardError: the card names no label file that can be read.
        LabelError: the file is not there, its hash is not that of the card, or it cannot be taken
            as it is, see `read_label_file`.
    """
    label = card.label
    for name in (label.file, label.names):
        if name is not None:
            _require_label_file(source / name, card)
    return read_label_file(source / label.file, label)


def read_label_file(path: Path, label: LabelFile) -> pd.DataFrame:
    """Read one label file as `label` describes it; columns as those of `read_labels`.

    Raises:
        LabelError: not the shape that the reader expects, no rows, or a row that has no id, an id
            seen before, or a MOS that is no number of the scale.
    """
    labels: dict[str, float] = {}
    for row in read_rows(path, label):
        video = _parse_video_id(row.video, label, row.place)
        if video in labels:
            raise LabelError(f"{row.place}: video {video!r} has a label already; keep one of them")
        labels[video] = math.nan if row.mos is None else _parse_mos(row.mos, label, row.place)
    if not labels:
        raise LabelError(f"{path}: no rows, expected one for each video")
    return pd.DataFrame({"video": list(labels), "mos": list(labels.values())})


def find_disagreements(source: Path, card: Card) -> list[str]:
    """Where the card's other label files, as far as they are there, do not agree with the first.

    A video that only the other file has is no disagreement: lists of other projects are longer.

    Raises:
        LabelError: a label file that cannot be read.
    """
    found: list[str] = []
    first: dict[str, float] | None = None
    for label in card.labels[1:]:
        path, agreement = source / label.file, label.agrees
        if agreement is None or not path.is_file():
            continue
        _require_label_file(path, card)
        first = first or dict(read_labels(source, card).itertuples(index=False, name=None))
        other = dict(read_label_file(path, label).itertuples(index=False, name=None))
        if absent := sorted(first.keys() - other.keys()):
            named = join_first(absent, _MOST_NAMED)
            found.append(f"{path}: {len(absent)} videos have no row in it: {named}")
        apart = [
            f"{video} ({first[video]:g} and {agreement.times:g} × {other[video]:g})"
            for video in first.keys() & other.keys()
            if abs(first[video] - agreement.times * other[video]) > agreement.within
        ]
        if apart:
            named = join_first(sorted(apart), _MOST_NAMED)
            found.append(f"{path}: {len(apart)} labels differ from {card.label.file}: {named}")
    return found


def _require_label_file(path: Path, card: Card) -> None:
    """The file is there and, where the card knows its hash, is the one that the card means."""
    if not path.is_file():
        hint = f"get the set with `vqathinker data fetch {card.name}`"
        raise LabelError(f"{path}: no label file; {hint}")
    for file in card.files:
        if file.sha256 and (file.name, file.folder()) == (path.name, "."):
            digest = sha256_of(path)
            if digest != file.sha256:
                raise LabelError(
                    f"{path}: its sha256 is {digest}, the card {card.name} says {file.sha256}; "
                    "get it again, or write a card of your own for labels of your own"
                )


def _parse_video_id(text: str, label: LabelFile, place: str) -> str:
    video = text.strip()
    if label.rename is not None:
        if not (match := re.fullmatch(label.rename.pattern, video)):
            wanted = label.rename.pattern
            raise LabelError(f"{place}: video is {text!r}, expected a name of the form {wanted}")
        video = match.expand(label.rename.becomes)
    path = PurePosixPath(video)
    if path.name == "" or path.is_absolute() or ".." in path.parts or "\\" in video:
        raise LabelError(f"{place}: video is {text!r}, expected a path such as batch1/747.mp4")
    return video


def _parse_mos(text: str, label: LabelFile, place: str) -> float:
    if label.scale is None:
        raise LabelError(f"{place}: mos is {text!r}, but the card names no scale for it")
    low, high = label.scale
    try:
        mos = float(text)
    except ValueError:
        mos = math.nan
    if not low <= mos <= high:
        raise LabelError(f"{place}: mos is {text!r}, expected a number from {low:g} to {high:g}")
    return mos
