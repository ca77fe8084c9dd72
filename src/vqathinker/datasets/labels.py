"""A set's labels, checked: one MOS for each video id, and nothing dropped in silence.

An id is a path of the video, with its folder: LSVQ has equal names in different folders. What a
label file must look like stands in the card; see `readers` for the shapes it can have.
"""

import math
import re
from collections.abc import Iterable, Sequence
from itertools import takewhile
from pathlib import Path

import pandas as pd

from vqathinker.acquisition.safe_path import unsafe_character
from vqathinker.datasets.card import Card, LabelError, LabelFile
from vqathinker.datasets.listing import join_first
from vqathinker.datasets.name_rules import plain_path
from vqathinker.datasets.numbers import has_thousands_marks, parse_number
from vqathinker.datasets.readers import Row, read_rows
from vqathinker.hashing import sha256_of_file

__all__ = [
    "LabelError",
    "OutOfScaleError",
    "find_disagreements",
    "is_whole_path",
    "read_label_file",
    "read_labels",
    "rename_without",
    "shared_folder",
]

_MOST_NAMED = 3


class OutOfScaleError(LabelError):
    """A MOS that is a number, but not one of the card's scale."""


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
            seen before, or a MOS that is no number of the scale (OutOfScaleError where it is one of
            another).
    """
    labels: dict[str, float] = {}
    rows = list(read_rows(path, label))
    for row in rows:
        video = _parse_video_id(row, label, rows)
        if video in labels:
            raise LabelError(f"{row.place}: video {video!r} has a label already; keep one of them")
        labels[video] = math.nan if row.mos is None else _parse_mos(row, label)
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
            digest = sha256_of_file(path)
            if digest != file.sha256:
                raise LabelError(
                    f"{path}: its sha256 is {digest}, the card {card.name} says {file.sha256}; "
                    "get it again, or write a card of your own for labels of your own"
                )


def shared_folder(names: Iterable[str]) -> str:
    """The folder with its slash that plain paths or addresses share; empty where they share none.

    >>> shared_folder(["/data/set/a.mp4", "/data/set/b/c.mp4"]), shared_folder(["a/1", "b/1"])
    ('/data/set/', '')
    """
    folders = [name.split("/")[:-1] for name in names]
    levels = takewhile(lambda level: len(set(level)) == 1, zip(*folders, strict=False))
    return "".join(f"{level[0]}/" for level in levels)


def rename_without(folder: str) -> str:
    r"""What a card says to leave a folder out of its labels, in YAML.

    >>> print(rename_without("/my data/"))
    rename: {pattern: '/my\ data/(.+)', becomes: '\1'}
    """
    pattern = f"{re.escape(folder)}(.+)".replace("'", "''")
    return f"rename: {{pattern: '{pattern}', becomes: '\\1'}}"


def is_whole_path(name: str) -> bool:
    """Whether a plain path says where it lies on a machine or in the web, or leads upwards."""
    return re.match(r"/|~|[A-Za-z]:/|\w[\w+.-]+://", name) is not None or ".." in name.split("/")


def _parse_video_id(row: Row, label: LabelFile, rows: Sequence[Row]) -> str:
    written, plain = row.video.strip(), plain_path(row.video.strip())
    video = plain
    if label.rename is not None:
        pattern = label.rename.pattern
        match = re.fullmatch(pattern, written) or re.fullmatch(pattern, plain)
        if match is None:
            raise LabelError(
                f"{row.place}: video is {row.video!r}, expected a name of the form {pattern}"
            )
        video = plain_path(match.expand(label.rename.becomes))
    if not video or unsafe_character(video) or is_whole_path(video):
        hint = _folder_hint(rows) if is_whole_path(plain) and label.rename is None else ""
        raise LabelError(
            f"{row.place}: video is {row.video!r}, expected a path such as batch1/747.mp4{hint}"
        )
    return video


def _folder_hint(rows: Sequence[Row]) -> str:
    """How to leave out the folder that all rows share."""
    folder = shared_folder(plain_path(row.video.strip()) for row in rows)
    if not folder:
        return ", and the rows share no folder that could be left out"
    return (
        f"; all rows lie in {folder}, which the card leaves out with a line below `columns`: "
        f"{rename_without(folder)}"
    )


def _parse_mos(row: Row, label: LabelFile) -> float:
    text = (row.mos or "").strip()
    if label.scale is None:
        raise LabelError(f"{row.place}: mos is {text!r}, but the card names no scale for it")
    low, high = label.scale
    mos = parse_number(text, decimal_comma=row.decimal_comma)
    message = f"{row.place}: mos is {text!r}, expected a number from {low:g} to {high:g}"
    if mos is None:
        comma = parse_number(text, decimal_comma=True) is not None
        point = ", with a point, for commas stand between columns" if comma else ""
        marks = ", without marks of thousands" if has_thousands_marks(text) else ""
        raise LabelError(f"{message}{point or marks}")
    if not low <= mos <= high:
        raise OutOfScaleError(message)
    return mos
