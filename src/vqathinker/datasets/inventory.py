"""What is there of each data set, what to do next, and whether it is what its receipt says."""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from vqathinker.datasets.card import Card
from vqathinker.datasets.fetching.drops import downloads_folder, dropped_files
from vqathinker.datasets.fetching.journal import FetchJournal
from vqathinker.datasets.labels import find_disagreements, read_labels
from vqathinker.datasets.manifest import read_manifest
from vqathinker.datasets.matching import (
    describe_mismatch,
    join_first,
    match_videos,
    video_files,
    walk_files,
)
from vqathinker.datasets.receipt import read_receipt
from vqathinker.errors import InputError
from vqathinker.hashing import sha256_of_file

_MOST_NAMED = 20
_UNITS = ("B", "kB", "MB", "GB", "TB")


@dataclass(frozen=True)
class SetState:
    """One set on this machine; None stands for unknown numbers."""

    card: Card
    download: int | None  # bytes still to be downloaded
    store: int | None  # bytes that its videos will take once they are here
    expected: int | None  # rows of its label file, from the card or else from params.yaml
    found: int | None  # label rows whose video is on the disk
    damaged: int | None  # how many of those cannot be read, according to the manifest
    next_step: str  # what to do now


@dataclass(frozen=True)
class DiskNeeds:
    """Bytes that sets still need, bytes that are free, and sets of unknown size."""

    needed: int
    free: int
    unknown: tuple[str, ...]


def read_set_state(
    card: Card, data: Path, configured: int | None, environment: Mapping[str, str]
) -> SetState:
    """Look at one set below the folder `data`: at file names and the manifest, not into videos.

    `configured` are the rows that params.yaml gives the set, or None. Only the names of the
    variables in `environment` count.
    """
    rows = card.expected or configured
    source, folder = data / card.name / "source", data / card.name
    is_fetched, journal = (folder / "source.json").is_file(), FetchJournal(source)
    by_hand, found, damaged = False, None, None
    try:
        by_hand = bool(card.files) and journal.has_manual_videos()
        if (folder / "manifest.parquet").is_file():
            counts = Counter(read_manifest(folder / "manifest.parquet")["status"])
            found = counts.total() - counts["missing"]
            damaged = found - counts["ok"]
            step = _step_after_manifest(card, source, counts, rows)
        else:
            found, hint = find_videos(source, card)
            step = f"`vqathinker data manifest {card.name}`, or run the pipeline"
            if not is_fetched:
                step = _step_before_receipt(card, data, environment, journal, by_hand=by_hand)
            step = f"{hint}; then {step}" if hint else step
    except InputError as error:
        step = str(error)
    complete = is_fetched or by_hand or card.made
    download = 0 if complete else download_bytes(card)
    store = 0 if complete else stored_bytes(card)
    return SetState(card, download, store, rows, found, damaged, step)


def disk_needs(states: Sequence[SetState], data: Path) -> DiskNeeds:
    """Disk space that the sets still need, and that is free where `data` lies or will lie.

    Both archives and their content count, since they exist together for a while.
    """
    place = next(path for path in (data, *data.absolute().parents) if path.exists())
    needed = sum((state.download or 0) + (state.store or 0) for state in states)
    unknown = tuple(s.card.name for s in states if s.download is None or s.store is None)
    return DiskNeeds(needed, shutil.disk_usage(place).free, unknown)


def format_bytes(number: int | None) -> str:
    """Bytes in a readable unit, in steps of 1000.

    >>> format_bytes(2_410_000_000), format_bytes(0), format_bytes(None)
    ('2.4 GB', '0', '?')
    """
    if not number:
        return "?" if number is None else "0"
    unit = min((len(str(number)) - 1) // 3, len(_UNITS) - 1)
    size = number / 1000**unit
    return f"{size:.{0 if unit < 2 or size >= 100 else 1}f} {_UNITS[unit]}"


def download_bytes(card: Card) -> int | None:
    """Bytes of all downloads of a set; None if a size is unknown."""
    if card.download_bytes is not None:
        return card.download_bytes
    sizes = [file.known_bytes for file in card.files]
    if card.access.kind == "local":
        return 0
    return None if None in sizes else sum(size or 0 for size in sizes)


def stored_bytes(card: Card) -> int | None:
    """Bytes that a set's own videos take; None if unknown."""
    return 0 if card.files_of or card.access.kind == "local" else card.stored_bytes


def find_videos(source: Path, card: Card) -> tuple[int | None, str | None]:
    """How many labels have a file, and a hint if none has; None before there are labels."""
    if not (source / card.label.file).is_file():
        return None, None
    ids = read_labels(source, card)["video"].tolist()
    files = video_files(source / card.videos_folder)
    found = len(match_videos(ids, files, card.match))
    return found, describe_mismatch(ids, files) if files and not found else None


def _step_after_manifest(
    card: Card, source: Path, counts: Counter[str], expected: int | None
) -> str:
    rows, missing = counts.total(), counts["missing"]
    if expected not in {None, rows}:
        return f"{rows} rows, expected {expected}: `vqathinker data check {card.name}`"
    if not missing:
        return "nothing, it is ready"
    on_disk, hint = find_videos(source, card)
    if (new := (on_disk or 0) - (rows - missing)) > 0:
        again = f"`vqathinker data manifest {card.name}` again"
        return f"{new} videos that were missing are there now: {again}"
    step = f"{missing} videos are missing: `vqathinker data check {card.name}` names them"
    return f"{step}; {hint}" if hint else step


def _step_before_receipt(
    card: Card, data: Path, environment: Mapping[str, str], journal: FetchJournal, *, by_hand: bool
) -> str:
    fetch = f"`vqathinker data fetch {card.name}`"
    if card.made:
        return "nothing, the pipeline makes it"
    if card.files_of and not (data / card.files_of / "source.json").is_file():
        return f"`vqathinker data fetch {card.files_of}` first: its videos are used here, too"
    if by_hand:
        return f"{fetch}, which uses the videos that you have put there"
    if manual := _manual_step(card, data / card.name, environment, journal):
        return f"{manual}, then {fetch}"
    return f"{fetch} again to resume" if journal.videos_begun else fetch


def _manual_step(
    card: Card, folder: Path, environment: Mapping[str, str], journal: FetchJournal
) -> str | None:
    """What only the user can do about the set, if anything."""
    source = folder / "source"
    if card.access.kind == "local":
        if (source / card.label.file).is_file() and video_files(source / "videos"):
            return None
        return f"put {card.label.file} and videos/ into {source}/ (links are fine)"
    wanted = {card.access.token_env, *(file.password_env for file in card.files)}
    unset = ", ".join(sorted(name for name in wanted if name and name not in environment))
    request = f"{card.access.say.strip()} Go to {card.access.page},"
    if card.access.kind == "token" and unset:
        return f"{request} put it into the variable {unset}"
    password = f"put its password, if it has one, into the variable {unset}" if unset else None
    downloads = downloads_folder(source)
    drops = [
        file.manual.drop
        for file in card.files
        if file.manual
        and not journal.of_card_file(file.name)
        and not dropped_files(card, file, downloads)
    ]
    if drops:
        also = f", and {password}" if password else ""
        return f"{request} save what you get ({', '.join(drops)}) in {downloads}/{also}"
    return password


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
