"""Does a set on the disk still agree with its receipt, its card and its manifest?"""

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import track

from vqathinker.datasets.card import Card, LabelError
from vqathinker.datasets.labels import find_disagreements, read_labels
from vqathinker.datasets.listing import join_first
from vqathinker.datasets.manifest import read_manifest
from vqathinker.datasets.receipt import files_of_set
from vqathinker.datasets.source_files import SourceFolderError
from vqathinker.errors import InputError, read_json
from vqathinker.hashing import sha256_of_file

__all__ = ["find_problems"]

_MOST_NAMED = 20


def find_problems(card: Card, data: Path, configured: int | None) -> list[str]:
    """Everything that is wrong with one set below the folder `data`; empty when all is well.

    Reads every file that the receipt lists and hashes it, so it takes as long as the disk does.

    Args:
        card: the set's card.
        data: folder of all sets.
        configured: rows that params.yaml gives the set (data.counts), None where it does not.
    """
    folder = data / card.name
    found = [*_file_problems(card, folder), *_label_problems(card, folder / "source")]
    if card.labels:
        found += _manifest_problems(card, folder / "manifest.parquet", configured)
    return found


def _file_problems(card: Card, folder: Path) -> Iterator[str]:
    receipt, source = folder / "source.json", folder / "source"
    fetch = f"`vqathinker data fetch {card.name}`"
    if not receipt.is_file():
        yield f"{receipt}: not there; bring the set with {fetch}"
        return
    try:
        listed = read_json(receipt, "a receipt", f"write it again with {fetch}")["files"]
        there = [path.relative_to(source).as_posix() for path in files_of_set(source)]
    except KeyError:
        yield f"{receipt}: is not a receipt, or is damaged: write it again with {fetch}"
        return
    except (InputError, SourceFolderError) as error:
        yield str(error)
        return
    if added := sorted(set(there) - {file["path"] for file in listed}):
        named = join_first(added, _MOST_NAMED)
        yield f"{receipt}: {len(added)} files are not in it: {named}; write it again with {fetch}"
    console = Console(stderr=True)
    quiet = not console.is_terminal
    for file in track(listed, f"hashing {card.name}", console=console, disable=quiet):
        path = source / file["path"]
        if card.must_not_keep(file["path"]) and path.exists():
            yield f"{path}: must not be kept (never_keep of the card); delete it"
        yield from _receipt_mismatch(path, file["bytes"], file["sha256"])


def _receipt_mismatch(path: Path, size: int, sha256: str) -> Iterator[str]:
    try:
        found = path.stat().st_size
        digest = sha256_of_file(path) if found == size else None
    except FileNotFoundError:
        yield f"{path}: gone since it was brought"
    except OSError as error:
        yield f"{path}: cannot be read ({error.strerror})"
    else:
        if digest is None:
            yield f"{path}: {found} bytes, the receipt says {size}"
        elif digest != sha256:
            yield f"{path}: its sha256 is {digest}, the receipt says {sha256}"


def _label_problems(card: Card, source: Path) -> Iterator[str]:
    """The labels themselves, against the card's hashes and against other lists of the same set."""
    if not card.labels:
        return
    try:
        rows = len(read_labels(source, card))
        yield from find_disagreements(source, card)
    except LabelError as error:
        yield str(error)
        return
    if card.expected not in {None, rows}:
        yield f"{source / card.label.file}: {rows} rows, the card expects {card.expected}"


def _manifest_problems(card: Card, path: Path, configured: int | None) -> Iterator[str]:
    if not path.is_file():
        yield f"{path}: not there; write it with `vqathinker data manifest {card.name}`"
        return
    try:
        table = read_manifest(path)[["video", "status", "reason"]]
    except InputError as error:
        yield str(error)
        return
    for rows, whose in ((card.expected, "the card"), (configured, "data.counts of params.yaml")):
        if rows not in {None, len(table)}:
            yield f"{path}: {len(table)} rows, {whose} says {rows}"
    missing = table.loc[table["status"] == "missing", "video"].tolist()
    if missing:
        yield f"{path}: {len(missing)} videos are missing: {join_first(missing, _MOST_NAMED)}"
    if not card.made:
        bad = table[~table["status"].isin(["ok", "missing"])]
        yield from (
            f"{path}: {video} is {status}: {reason}"
            for video, status, reason in bad.itertuples(index=False, name=None)
        )
