"""Write the card of your own data set: a table of labels and a folder of videos are enough."""

import json
import posixpath
import re
from pathlib import Path

from pydantic import ValidationError

from vqathinker.atomic import whole_file
from vqathinker.datasets.card import Card, CardError, LabelError, card_names
from vqathinker.datasets.labels import read_label_file
from vqathinker.datasets.matching import plain_path
from vqathinker.datasets.readers import read_table
from vqathinker.datasets.remote_file import StrictModel
from vqathinker.params.errors import describe_errors
from vqathinker.phases.yaml12 import parse_yaml

# The only names that a column is recognised by, in any case.
_VIDEO_NAMES = ("video", "video_name", "videoname", "file", "filename", "file_name", "name")
_MOS_NAMES = ("mos", "score")
_ROWS_SHOWN = 4

_TEMPLATE = """\
# Card of your own data set. All keys are explained in docs/datasets.md.
name: {name}
title: {name}                   # as tables show it
role: {role}                    # train | in-domain | out-of-distribution
homepage: null
licence: not stated             # its name; terms of use go into `terms`
citation: none
expected: {expected}            # rows of the label file; a set with fewer is an error. null: any
access:
  kind: local                   # you have the files
  say: >-
    Where the files came from, so that somebody else could ask for them.
labels:
  - file: labels.csv            # save it as data/{name}/source/labels.csv
    reader: {reader}            # csv: the first line names the columns | comma: positions, from 0
                                # The first line tells the separator: tabs, semicolons or commas.
    columns: {{video: {video}, mos: {mos}}}
{rename}    scale: [{low:g}, {high:g}]  # lowest and highest possible MOS
    direction: higher           # which is better; lower: for distances such as DMOS
    training_scale_divisor: null  # MOS / this is what training sees, which should be in 1 to 5
# Videos lie below data/{name}/source/videos/, which may be a link. The label a/1.mp4 is the video
# at that path, or at a path that ends in it. If names differ, list what may differ: any-ending,
# any-case, any-folder. Or give a regular expression whose groups are equal in label and path:
# '0*(\\d+)(?:_[^/]*)?\\.mp4' finds 0012_cut.mp4 for 12.mp4.
match: {match}
# A regular expression whose group names what a video shows, for intervals that respect contents:
# '([^_]+)_.+' takes the part before the first _. null: unknown.
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
    """Write a commented card for the set `name` into `folder`, and return its content.

    The labels are read with the card before it is written.

    Args:
        folder: of your own cards (`data.cards` in params.yaml).
        labels: table to take columns and number of rows from; None leaves them to be filled in.
        scale: lowest and highest possible MOS.
        columns: video and MOS in `labels`, by name, or by position in a table without a line of
            names; None: the only column with a usual name.
        match: what labels and paths have in common, see `Card`.

    Raises:
        CardError: the name or `match` is not valid, or a card of that name exists.
        LabelError: `labels` cannot be read, or its columns are not known.
    """
    if name in card_names(folder):
        raise CardError(f"{name!r} has a card already; take another name, or edit that card")
    video, mos, rename = _read_layout(labels, columns) if labels else ("video", "mos", "")
    facts = {
        "name": json.dumps(name),  # quoted: 2024 and null are names, too
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
            hint = "no card is written; correct the labels, or name --scale and columns"
            raise LabelError(f"{error}; {hint}") from None
        card = card.model_copy(update={"expected": rows})
    with whole_file(folder / f"{name}.yaml") as part:
        text = _TEMPLATE.format(**facts, expected=card.expected or "null")
        part.write_text(text, encoding="utf-8")
    return card


def _read_layout(
    labels: Path, columns: tuple[str | None, str | None]
) -> tuple[str | int, str | int, str]:
    """Columns of video and MOS, and the line `rename` if the videos are absolute paths."""
    table = read_table(labels)
    names = [*table.iloc[0]]
    video, mos = columns
    if video and mos and video.isdecimal() and mos.isdecimal() and video not in names:
        video_at = int(video)
        found: tuple[str | int, str | int] = video_at, int(mos)
        cells = table.get(video_at, [])
    else:
        named = [_find_name(names, video, _VIDEO_NAMES), _find_name(names, mos, _MOS_NAMES)]
        if None in named:
            shown = " | ".join(", ".join(row) for row in table.values[:_ROWS_SHOWN])
            raise LabelError(
                f"{labels}: which columns hold videos and MOS? It begins with {shown}. Give "
                "--video-column and --mos-column: names from the first line, or positions from 0 "
                "if the first line is a row like the others"
            )
        found = str(named[0]), str(named[1])
        cells = table.iloc[1:, names.index(found[0])]
    return *found, _rename_line([plain_path(cell) for cell in cells])


def _find_name(names: list[str], given: str | None, usual: tuple[str, ...]) -> str | None:
    """The only column that is called as given, or in a usual way."""
    found = [name for name in names if (name == given if given else name.casefold() in usual)]
    return found[0] if len(found) == 1 else None


def _rename_line(videos: list[str]) -> str:
    """A line of the card that removes the folder which absolute paths share."""
    if not videos or not all(re.match(r"/|[A-Za-z]:/", video) for video in videos):
        return ""
    folder = posixpath.commonpath([posixpath.dirname(video) for video in videos]).rstrip("/")
    pattern = json.dumps(f"{re.escape(folder)}/(.+)", ensure_ascii=False)
    return f'    rename: {{pattern: {pattern}, becomes: "\\\\1"}}  # removes the shared folder\n'
