"""Write a card for your own data set, given a table of labels and a folder of videos."""

import json
import posixpath
import re
from pathlib import Path

from pydantic import ValidationError

from vqathinker.atomic import whole_file
from vqathinker.datasets.card import Card, CardError, LabelError, card_names
from vqathinker.datasets.labels import read_label_file
from vqathinker.datasets.matching import normalize_path
from vqathinker.datasets.readers import read_table
from vqathinker.datasets.remote_file import StrictModel
from vqathinker.params.errors import describe_errors
from vqathinker.phases.yaml12 import parse_yaml

# Columns are recognised only by these names, ignoring case.
_VIDEO_NAMES = ("video", "video_name", "videoname", "file", "filename", "file_name", "name")
_MOS_NAMES = ("mos", "score")
_PREVIEW_ROWS = 4

_TEMPLATE = """\
# Card of your own data set. All keys are explained in docs/datasets.md.
name: {name}
title: {name}                   # name in tables
role: {role}                    # train | in-domain | out-of-distribution
homepage: null
licence: not stated             # name of the licence; put terms of use into `terms`
citation: none
expected: {expected}            # rows of the label file; another number is an error. null: any
access:
  kind: local                   # you have the files
  say: >-
    Where the files came from, so that others can request them.
labels:
  - file: labels.csv            # save it as data/{name}/source/labels.csv
    reader: {reader}            # csv: the first line names the columns | comma: positions, from 0
                                # The first line tells the separator: tabs, semicolons or commas.
    columns: {{video: {video}, mos: {mos}}}
{rename}    scale: [{low:g}, {high:g}]  # lowest and highest possible MOS
    direction: higher           # which MOS is better; lower: for distances such as DMOS
    training_scale_divisor: null  # training uses MOS / this, which should be within 1 to 5
# Put the videos into data/{name}/source/videos/, which may be a link. The label a/1.mp4 matches the
# video at that path, or at a path that ends in it. If names differ, list the ways in which they may
# differ: any-ending, any-case, any-folder. Or give a regular expression whose groups are equal in
# label and path: '0*(\\d+)(?:_[^/]*)?\\.mp4' matches 12.mp4 with 0012_cut.mp4.
match: {match}
# A regular expression whose group is the source content of a video; intervals are computed over
# contents. '([^_]+)_.+' takes the part before the first _. null: unknown.
content: null
notes: []
"""


def write_card(
    name: str,
    folder: Path,
    labels: Path | None,
    *,
    role: str,
    scale: tuple[float, float],
    columns: tuple[str | None, str | None] = (None, None),
    match: str | None = None,
) -> Card:
    """Write a commented card for the set `name` into `folder`, and return the card.

    Before the card is written, it is used to read the labels.

    Args:
        folder: of your own cards (`data.cards` in params.yaml).
        labels: table with labels, for columns and number of rows; None: you fill them in later.
        scale: lowest and highest possible MOS.
        columns: columns of video and MOS in `labels`: their names, or positions in a table without
            a header; None: the only column with a common name.
        match: how labels and paths correspond, see `Card`.

    Raises:
        CardError: the name or `match` is not valid, or a card of that name exists.
        LabelError: `labels` cannot be read, or its columns are not recognised.
    """
    if name in card_names(folder):
        raise CardError(
            f"a card named {name!r} already exists; use another name, or edit that card"
        )
    video, mos, rename = _read_layout(labels, columns) if labels else ("video", "mos", "")
    facts = {
        "name": json.dumps(name),  # quoted, because YAML reads 2024 and null as other types
        "role": role,
        "reader": "comma" if isinstance(video, int) else "csv",
        "video": json.dumps(video, ensure_ascii=False),
        "mos": json.dumps(mos, ensure_ascii=False),
        "rename": rename,
        "low": scale[0],
        "high": scale[1],
        "match": json.dumps(match),
    }
    content = parse_yaml(_TEMPLATE.format(**facts, expected="null"))
    try:
        card = Card.model_validate(content)
    except ValidationError as error:
        raise CardError("\n".join(describe_errors(error, content, StrictModel))) from None
    if labels:
        try:
            rows = len(read_label_file(labels, card.label))
        except LabelError as error:
            hint = "no card was written; correct the labels, or give --scale and the columns"
            raise LabelError(f"{error}; {hint}") from None
        card = card.model_copy(update={"expected": rows})
    with whole_file(folder / f"{name}.yaml") as part:
        text = _TEMPLATE.format(**facts, expected=card.expected or "null")
        part.write_text(text, encoding="utf-8")
    return card


def _read_layout(
    labels: Path, columns: tuple[str | None, str | None]
) -> tuple[str | int, str | int, str]:
    """Columns of video and MOS, and the line `rename` if the videos have absolute paths."""
    table = read_table(labels)
    names = [*table.iloc[0]]
    video, mos = columns
    if video and mos and video.isdecimal() and mos.isdecimal() and video not in names:
        video_at = int(video)
        found: tuple[str | int, str | int] = video_at, int(mos)
        cells = table.get(video_at, [])
    else:
        named = [_find_column(names, video, _VIDEO_NAMES), _find_column(names, mos, _MOS_NAMES)]
        if None in named:
            preview = " | ".join(", ".join(row) for row in table.values[:_PREVIEW_ROWS])
            raise LabelError(
                f"{labels}: cannot identify the columns of videos and MOS. It starts with "
                f"{preview}. Give --video-column and --mos-column: names from the first line, or "
                "positions from 0 if there is no header"
            )
        found = str(named[0]), str(named[1])
        cells = table.iloc[1:, names.index(found[0])]
    return *found, _rename_line([normalize_path(cell) for cell in cells])


def _find_column(names: list[str], given: str | None, common: tuple[str, ...]) -> str | None:
    """The only column with the given name, or with a common one; None if there is no such one."""
    found = [name for name in names if (name == given if given else name.casefold() in common)]
    return found[0] if len(found) == 1 else None


def _rename_line(videos: list[str]) -> str:
    """A line of the card that removes the common folder of absolute paths."""
    if not videos or not all(re.match(r"/|[A-Za-z]:/", video) for video in videos):
        return ""
    folder = posixpath.commonpath([posixpath.dirname(video) for video in videos]).rstrip("/")
    pattern = json.dumps(f"{re.escape(folder)}/(.+)", ensure_ascii=False)
    return f'    rename: {{pattern: {pattern}, becomes: "\\\\1"}}  # removes the shared folder\n'
