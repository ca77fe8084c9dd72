"""Read and check a set's labels: one MOS for each video id.

The label file is CSV with a header; columns beside `video` and `mos` are left alone. An id is the
path of the video below `videos/`, with its folder: LSVQ has equal names in different folders.
"""

import csv
import math
from pathlib import Path, PurePosixPath

import pandas as pd

from vqathinker.datasets.card import Card

__all__ = ["LabelError", "read_labels"]


class LabelError(ValueError):
    """A label file that cannot be taken as it is; the message names file and row."""


def read_labels(source: Path, card: Card) -> pd.DataFrame:
    """Read the label file of the set at `source`.

    Returns:
        Columns video (id) and mos (as published, on `card.label.scale`), in the file's order.

    Raises:
        LabelError: the file is missing or empty, lacks a column, or a row has no id, an id seen
            before, or a MOS that is no number of the scale.
    """
    path = source / card.label.file
    if not path.is_file():
        raise LabelError(f"{path}: no label file; get the set with `vqathinker fetch {card.name}`")
    labels: dict[str, float] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        columns = rows.fieldnames or []
        if missing := [name for name in ("video", "mos") if name not in columns]:
            found = ", ".join(columns) or "an empty file"
            raise LabelError(f"{path}: no column {' and '.join(missing)}, found {found}")
        for row in rows:
            where = f"{path}, line {rows.line_num}"
            video = _video_id(row["video"], where)
            if video in labels:
                raise LabelError(f"{where}: video {video!r} has a label already; keep one of them")
            labels[video] = _mos(row["mos"], card.label.scale, where)
    if not labels:
        raise LabelError(f"{path}: no rows below the header, expected one for each video")
    return pd.DataFrame({"video": list(labels), "mos": list(labels.values())})


def _video_id(text: str | None, where: str) -> str:
    video = (text or "").strip()
    parts = PurePosixPath(video).parts
    if not video or video.startswith("/") or ".." in parts or "\\" in video:
        raise LabelError(
            f"{where}: video is {text!r}, expected a path below videos/ such as batch1/747.mp4"
        )
    return video


def _mos(text: str | None, scale: tuple[float, float], where: str) -> float:
    low, high = scale
    try:
        mos = float(text or "")
    except ValueError:
        mos = math.nan
    if not low <= mos <= high:
        raise LabelError(f"{where}: mos is {text!r}, expected a number from {low:g} to {high:g}")
    return mos
