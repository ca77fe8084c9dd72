"""Compare a set on the disk with its receipt, its card and its manifest."""

from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from vqathinker.datasets.card import Card
from vqathinker.datasets.labels import find_disagreements, read_labels
from vqathinker.datasets.manifest import read_manifest
from vqathinker.datasets.matching import join_first, walk_files
from vqathinker.datasets.receipt import read_receipt
from vqathinker.errors import InputError
from vqathinker.hashing import sha256_of_file

_MOST_NAMED = 20


def find_problems(card: Card, data: Path, configured: int | None) -> list[str]:
    """Find everything that is wrong with one set below the folder `data`, one line each.

    Hashes every file that the receipt lists, so it takes as long as reading the whole set.
    `configured` are the rows that params.yaml gives the set (data.counts), or None.
    """
    folder = data / card.name
    problems: list[str] = []
    for found in (
        _file_problems(card, folder),
        _label_problems(card, folder / "source"),
        _manifest_problems(card, folder / "manifest.parquet", configured),
    ):
        try:
            problems.extend(found)
        except InputError as error:
            problems.append(str(error))
    return problems


def _file_problems(card: Card, folder: Path) -> Iterator[str]:
    receipt, source = folder / "source.json", folder / "source"
    fetch = f"`vqathinker data fetch {card.name}`"
    if not receipt.is_file():
        yield f"{receipt}: missing; get the set with {fetch}"
        return
    listed = read_receipt(receipt)["files"]
    files = (path for path in walk_files(source) if path.is_file())
    paths = {path.relative_to(source).as_posix() for path in files}
    if added := sorted(paths - {file["path"] for file in listed}):
        named = join_first(added, _MOST_NAMED)
        yield f"{receipt}: lacks {len(added)} files: {named}; write it again with {fetch}"
    for file in tqdm(listed, desc=f"hashing {card.name}", disable=None):
        path, size = source / file["path"], file["bytes"]
        if card.must_not_keep(file["path"]) and path.exists():
            yield f"{path}: must not be kept (never_keep of the card); delete it"
        try:
            found = path.stat().st_size
            digest = sha256_of_file(path) if found == size else None
        except FileNotFoundError:
            yield f"{path}: missing, though the receipt lists it"
        except OSError as error:
            yield f"{path}: cannot be read ({error.strerror})"
        else:
            if digest is None:
                yield f"{path}: {found} bytes, the receipt says {size}"
            elif digest != file["sha256"]:
                yield f"{path}: its sha256 is {digest}, the receipt says {file['sha256']}"


def _label_problems(card: Card, source: Path) -> Iterator[str]:
    rows = len(read_labels(source, card))
    yield from find_disagreements(source, card)
    if card.expected not in {None, rows}:
        yield f"{source / card.label.file}: {rows} rows, the card expects {card.expected}"


def _manifest_problems(card: Card, path: Path, configured: int | None) -> Iterator[str]:
    if not path.is_file():
        yield f"{path}: missing; write it with `vqathinker data manifest {card.name}`"
        return
    table = read_manifest(path)[["video", "status", "reason"]]
    for rows, origin in ((card.expected, "the card"), (configured, "data.counts of params.yaml")):
        if rows not in {None, len(table)}:
            yield f"{path}: {len(table)} rows, {origin} says {rows}"
    missing = table.loc[table["status"] == "missing", "video"].tolist()
    if missing:
        yield f"{path}: {len(missing)} videos are missing: {join_first(missing, _MOST_NAMED)}"
    if not card.made:  # made sets have damaged videos on purpose
        damaged = table[~table["status"].isin(["ok", "missing"])]
        for video, status, reason in damaged.itertuples(index=False, name=None):
            yield f"{path}: {video} is {status}: {reason}"
