"""A card for a set of one's own: a file of labels and a folder of videos are enough.

What the card says of the labels was tried on them before it is written, with the readers that read
them later.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from vqathinker.atomic import whole_file
from vqathinker.datasets.card import Card, CardError, LabelError, LabelFile, card_names
from vqathinker.datasets.columns import LabelColumns, find_columns
from vqathinker.datasets.labels import (
    OutOfScaleError,
    is_whole_path,
    read_label_file,
    rename_without,
    shared_folder,
)
from vqathinker.datasets.matching import video_files
from vqathinker.datasets.name_hints import describe_names, suggest_match
from vqathinker.datasets.name_rules import plain_path
from vqathinker.datasets.table import read_table
from vqathinker.phases.yaml12 import parse_yaml, read_scalar

__all__ = ["UnreadableLabelsError", "write_card"]

_RENAME = """\
    # The folder that all rows share is left out of them.
    {}
"""

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
    reader: {reader}            # csv: the first line names columns | comma: positions, from 0; of
                                # either kind, commas, semicolons or tabs may stand between columns
    columns: {{video: {video}, mos: {mos}}}
{rename}    scale: [{low:g}, {high:g}]  # lowest and highest MOS that can occur
    direction: higher           # which is better; lower: for distances such as DMOS
    training_scale_divisor: null  # MOS / this is what training sees, which should lie within 1 to 5
# Videos lie below data/{name}/source/videos/, which may be a link. A label such as a/1.mp4 is found
# at that path, or at a path that ends in it. Where names differ, words say what does not count:
# any-ending, any-case, any-folder, any-blank (a b, a_b), any-zeros (007, 7), begins (12 finds
# 12_cut.mp4); several may stand side by side. Or a regular expression whose groups must be equal in
# both: '(\\d+)(?:_[^/]*)?\\.mp4' finds 12_cut.mp4 for 12.mp4.
match: {match}
# A regular expression whose group names what a video shows, for intervals that respect contents:
# '([^_]+)_.+' takes what stands before the first _. null: not known.
content: null
notes: []
"""


class UnreadableLabelsError(CardError, LabelError):
    """A label file that no card can be written for; the message says why and what to do."""


def write_card(
    name: str,
    folder: Path,
    labels: Path | None,
    role: str,
    scale: tuple[float, float],
    *,
    columns: tuple[str | None, str | None] = (None, None),
    videos: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> tuple[Path, int | None]:
    """Write a commented card for the set `name` into `folder`, one that reads `labels`.

    Args:
        name: lower case letters, digits and underscores.
        folder: where own cards lie (`data.cards` in params.yaml).
        labels: a file of labels to take columns and number of rows from; None: to be filled in.
        role: train, in-domain or out-of-distribution.
        scale: lowest and highest MOS that can occur.
        columns: of the video and of the MOS in `labels`, by name or position; None: to be found.
        videos: folder of the videos, to see how their names differ from the labels; None, or a
            folder that is not there: not known yet.
        say: is told what was found and put into the card, line by line.

    Returns:
        The card's file, and the number of rows of `labels`.

    Raises:
        CardError: the name is no name or is taken; as UnreadableLabelsError, `labels` is no table
            of videos and MOS, or it does not tell which columns they are.
        SourceFolderError: `videos` cannot be gone through.
    """
    if name in card_names(folder):
        raise CardError(f"{name!r} has a card already; take another name, or edit that card")
    facts = _NO_FACTS
    if labels:
        try:
            facts = _read_facts(labels, columns)
        except LabelError as error:
            raise UnreadableLabelsError(str(error)) from None
        found = facts.columns
        say(
            f"{labels}: {found.rows} rows, {facts.between} between columns; video is column "
            f"{found.video!r}, MOS is column {found.mos!r}"
        )
        if facts.comments:
            say(f"{labels}: {facts.comments} lines above them begin with # and are left out")
        if facts.folder:
            say(f"{labels}: all rows lie in {facts.folder}, which the card leaves out (`rename`)")
    card = _to_card(_to_text(name, role, scale, facts, None), name)
    match = None
    if labels:
        match = _match_for(_ids(labels, card.label), videos, say)
    text = _to_text(name, role, scale, facts, match)
    path = folder / f"{name}.yaml"
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")
    return path, facts.columns.rows if labels else None


class _LabelFacts(NamedTuple):
    """What a card has to say of a label file."""

    columns: LabelColumns
    between: str
    folder: str
    comments: int


_NO_FACTS = _LabelFacts(LabelColumns("video", "mos", 0), "commas", "", 0)


def _read_facts(labels: Path, columns: tuple[str | None, str | None]) -> _LabelFacts:
    table = read_table(labels)
    found = find_columns(table, *columns)
    at = table.rows[0].cells.index(found.video) if isinstance(found.video, str) else found.video
    body = table.rows[1:] if found.named else table.rows
    names = [plain_path(cell) for cell in table.column(at, body)]
    folder = shared_folder(names) if any(map(is_whole_path, names)) else ""
    return _LabelFacts(found, table.between, folder, table.comments)


def _ids(labels: Path, label: LabelFile) -> list[str]:
    """Label ids as the card reads them."""
    try:
        return list(read_label_file(labels, label)["video"])
    except OutOfScaleError as error:
        raise UnreadableLabelsError(f"{error}; --scale LOW HIGH says what can occur") from None
    except LabelError as error:
        raise UnreadableLabelsError(str(error)) from None


def _match_for(ids: Sequence[str], videos: Path | None, say: Callable[[str], None]) -> str | None:
    """Words for the card's `match`, where the videos are there and are named in another way."""
    files = video_files(videos) if videos else []
    suggestion = suggest_match(ids, files)
    match = None
    if suggestion and suggestion.unsure:
        say(
            f"{videos}: {suggestion}, but {suggestion.unsure} could then be several videos; when "
            f"one of each is left, put `match: {suggestion.match}` into the card"
        )
    elif suggestion:
        match = suggestion.match
        say(f"{videos}: {suggestion}; the card says `match: {match}`, which takes them so")
    if said := describe_names(ids, files, match, own_card=False):
        say(f"{videos}: {said}")
    return match


def _to_text(
    name: str, role: str, scale: tuple[float, float], facts: _LabelFacts, match: str | None
) -> str:
    columns = facts.columns
    rename = _RENAME.format(rename_without(facts.folder)) if facts.folder else ""
    return _TEMPLATE.format(
        name=name if read_scalar(name) == name else json.dumps(name),  # 2024, null
        role=role,
        expected=columns.rows or "null",
        reader="csv" if columns.named else "comma",
        video=json.dumps(columns.video, ensure_ascii=False),
        mos=json.dumps(columns.mos, ensure_ascii=False),
        rename=rename,
        low=scale[0],
        high=scale[1],
        match=match or "null",
    )


def _to_card(text: str, name: str) -> Card:
    try:
        return Card.model_validate(parse_yaml(text))
    except ValidationError:
        raise CardError(
            f"no card for {name!r}: expected a name of lower case letters, digits and underscores, "
            "that begins with a letter or digit"
        ) from None
