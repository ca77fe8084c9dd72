"""Does a set on the disk still agree with its receipt, its card and its manifest?"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.progress import track

from vqathinker.datasets.card import Card, LabelError
from vqathinker.datasets.labels import disagreements, read_labels

__all__ = ["problems_of"]

_NAMED = 20


def problems_of(card: Card, data: Path, counted: int | None) -> list[str]:
    """Everything that is wrong with one set below the folder `data`; empty when all is well.

    Reads every file that the receipt lists and hashes it, so it takes as long as the disk does.

    Args:
        card: the set's card.
        data: folder of all sets.
        counted: rows that params.yaml gives the set (data.counts), None where it does not.
    """
    folder = data / card.name
    found = [*_files(card, folder), *_labels(card, folder / "source")]
    if card.labels:
        found += _manifest(card, folder / "manifest.parquet", counted)
    return found


def _files(card: Card, folder: Path) -> Iterator[str]:
    receipt = folder / "source.json"
    if not receipt.is_file():
        yield f"{receipt}: not there; bring the set with `vqathinker data fetch {card.name}`"
        return
    listed = json.loads(receipt.read_text(encoding="utf-8"))["files"]
    console = Console(stderr=True)
    quiet = not console.is_terminal
    for file in track(listed, f"hashing {card.name}", console=console, disable=quiet):
        path = folder / "source" / file["path"]
        if card.never_keeps(file["path"]) and path.exists():
            yield f"{path}: must not be kept (never_keep of the card); delete it"
        yield from _difference(path, file["bytes"], file["sha256"])


def _difference(path: Path, size: int, sha256: str) -> Iterator[str]:
    if not path.is_file():
        yield f"{path}: gone since it was brought"
    elif path.stat().st_size != size:
        yield f"{path}: {path.stat().st_size} bytes, the receipt says {size}"
    else:
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        if digest != sha256:
            yield f"{path}: its sha256 is {digest}, the receipt says {sha256}"


def _labels(card: Card, source: Path) -> Iterator[str]:
    """The labels themselves, against the card's hashes and against other lists of the same set."""
    if not card.labels:
        return
    try:
        rows = len(read_labels(source, card))
        yield from disagreements(source, card)
    except LabelError as error:
        yield str(error)
        return
    if card.expected not in {None, rows}:
        yield f"{source / card.label.file}: {rows} rows, the card expects {card.expected}"


def _manifest(card: Card, path: Path, counted: int | None) -> Iterator[str]:
    if not path.is_file():
        yield f"{path}: not there; write it with `vqathinker data manifest {card.name}`"
        return
    table = pd.read_parquet(path, columns=["video", "status", "reason"])
    for wanted, whose in ((card.expected, "the card"), (counted, "data.counts of params.yaml")):
        if wanted not in {None, len(table)}:
            yield f"{path}: {len(table)} rows, {whose} says {wanted}"
    missing = table.loc[table["status"] == "missing", "video"].tolist()
    if missing:
        yield f"{path}: {len(missing)} videos are missing: {_named(missing)}"
    if not card.made:
        bad = table[~table["status"].isin(["ok", "missing"])]
        yield from (
            f"{path}: {video} is {status}: {reason}"
            for video, status, reason in bad.itertuples(index=False, name=None)
        )


def _named(videos: Sequence[str]) -> str:
    more = f" and {len(videos) - _NAMED} more" if len(videos) > _NAMED else ""
    return ", ".join(videos[:_NAMED]) + more
