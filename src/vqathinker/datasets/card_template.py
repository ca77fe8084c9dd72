"""A card for a set of one's own: a file of labels and a folder of videos are enough."""

import csv
import json
from pathlib import Path
from typing import NamedTuple

import yaml
from pydantic import ValidationError

from vqathinker.datasets.card import Card, CardError, card_names

__all__ = ["write_card"]

_TEMPLATE = """\
# Card of a data set of your own. What every key means: docs/datasets.md.
name: {name}
title: {name}                   # as tables show it
role: {role}                    # train | in-domain | out-of-distribution
homepage: null
licence: not stated             # its name; terms of use go into `terms`
citation: none
expected: {expected}            # rows of the label file; tables refuse a set with fewer. null: any
access:
  kind: local                   # you have the files
  say: >-
    Where the files came from, so that somebody else could ask for them.
labels:
  - file: labels.csv            # put it at data/{name}/source/labels.csv
    reader: {reader}            # csv: the first line names columns | comma: positions, from 0
    columns: {{video: {video}, mos: {mos}}}
    scale: [{low:g}, {high:g}]  # lowest and highest MOS that can occur
    direction: higher           # which is better; lower: for distances such as DMOS
    training_scale_divisor: null  # MOS / this is what training sees, which should lie within 1 to 5
# Videos lie below data/{name}/source/videos/, which may be a link. A label such as a/1.mp4 is found
# at that path, or at a path that ends in it. Where the names differ, a regular expression whose
# groups must be equal in both: '(\\d+)(?:_[^/]*)?\\.mp4' finds 12_cut.mp4 for 12.mp4.
match: null
# A regular expression whose group names what a video shows, for intervals that respect contents:
# '([^_]+)_.+' takes what stands before the first _. null: not known.
content: null
notes: []
"""


def write_card(
    name: str, folder: Path, labels: Path | None, role: str, scale: tuple[float, float]
) -> tuple[Path, int | None]:
    """Write a commented card for the set `name` into `folder`.

    Args:
        name: lower case letters, digits and underscores.
        folder: where own cards lie (`data.cards` in params.yaml).
        labels: a file of labels to take columns and number of rows from; None: to be filled in.
        role: train, in-domain or out-of-distribution.
        scale: lowest and highest MOS that can occur.

    Returns:
        The card's file, and the number of rows of `labels`.

    Raises:
        CardError: the name is no name or is taken, or `labels` has not two columns.
    """
    if name in card_names(folder):
        raise CardError(f"{name!r} has a card already; take another name, or edit that card")
    label_format = _LabelFormat("csv", "video", "mos", None)
    if labels:
        label_format = _detect_label_format(labels)
    text = _TEMPLATE.format(
        name=name,
        role=role,
        expected="null" if label_format.rows is None else label_format.rows,
        reader=label_format.reader,
        video=json.dumps(label_format.video, ensure_ascii=False),
        mos=json.dumps(label_format.mos, ensure_ascii=False),
        low=scale[0],
        high=scale[1],
    )
    try:
        Card.model_validate(yaml.safe_load(text))
    except ValidationError as error:
        raise CardError(f"no card for {name!r}: {error}") from error
    path = folder / f"{name}.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path, label_format.rows


class _LabelFormat(NamedTuple):
    """What a label file looks like: reader, columns by name or position, rows."""

    reader: str
    video: str | int
    mos: str | int
    rows: int | None


def _detect_label_format(labels: Path) -> _LabelFormat:
    with labels.open(encoding="utf-8-sig", newline="") as file:
        lines = [cells for cells in csv.reader(file, skipinitialspace=True) if cells]
    if not lines or len(lines[0]) < 2:
        raise CardError(f"{labels}: has {lines[:1]}, expected two columns, video and mos")
    first = lines[0]
    if _is_number(first[1]):
        return _LabelFormat("comma", 0, 1, len(lines))
    video, mos = ("video", "mos") if {"video", "mos"} <= set(first) else first[:2]
    return _LabelFormat("csv", video, mos, len(lines) - 1)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
