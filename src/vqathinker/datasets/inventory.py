"""What is there of each data set, what is still to be brought, and what to do next, in words."""

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vqathinker.datasets.card import Card, LabelError
from vqathinker.datasets.fetching.journal import JOURNAL_NAME, FetchJournal
from vqathinker.datasets.fetching.manual_files import dropped_files
from vqathinker.datasets.labels import read_labels
from vqathinker.datasets.manifest import read_manifest, videos_folder
from vqathinker.datasets.matching import match_videos, video_files
from vqathinker.datasets.name_hints import names_of_set
from vqathinker.datasets.source_files import SourceFolderError
from vqathinker.errors import InputError

__all__ = [
    "DiskNeeds",
    "SetState",
    "disk_needs",
    "download_bytes",
    "format_bytes",
    "read_set_state",
    "stored_bytes",
]

_UNITS = ("B", "kB", "MB", "GB", "TB")


@dataclass(frozen=True, slots=True)
class SetState:
    """One set on this machine.

    Attributes:
        card: its card.
        download: bytes still to be brought; None where a size is not known.
        store: bytes that its videos will take once they are here; None where not known.
        expected: rows of its label file, from the card or else from params.yaml; None: neither.
        found: label rows whose video is on the disk; None before there are labels.
        damaged: of those, the ones that cannot be read; None before there is a manifest.
        next_step: what to do now, in words.
    """

    card: Card
    download: int | None
    store: int | None
    expected: int | None
    found: int | None
    damaged: int | None
    next_step: str


@dataclass(frozen=True, slots=True)
class DiskNeeds:
    """Bytes that sets still need, as far as known, those that are free, and what is not known."""

    needed: int
    free: int
    unknown: tuple[str, ...]


def read_set_state(
    card: Card, data: Path, configured: int | None, environment: Mapping[str, str]
) -> SetState:
    """Look at one set below the folder `data`; reads names and the manifest, opens no video.

    `configured` are the rows that params.yaml gives the set, None where it does not. `environment`
    is asked only whether variables are set; their values are not looked at.
    """
    rows = card.expected or configured
    source, receipt = data / card.name / "source", data / card.name / "source.json"
    here, journal = receipt.is_file(), FetchJournal(data / card.name / JOURNAL_NAME)
    by_hand, found, damaged = False, None, None
    try:
        by_hand = journal.has_manual_videos(source) and bool(card.files)
        manifest = data / card.name / "manifest.parquet"
        if manifest.is_file():
            counts = Counter(read_manifest(manifest)["status"])
            found = counts.total() - counts["missing"]
            damaged = found - counts["ok"]
            step = _step_after_manifest(card, counts, rows)
            if counts["missing"]:
                step = _step_with_missing(card, source, step, found)
        else:
            found = _count_on_disk(source, card)
            step = f"`vqathinker data manifest {card.name}`, or run the pipeline"
            if not here:
                step = _step_before_receipt(card, data, environment, journal, by_hand=by_hand)
            hint = names_of_set(card, source)
            step = f"{hint}; then {step}" if hint else step
    except (LabelError, InputError, SourceFolderError) as error:
        step = str(error)
    complete = here or by_hand or card.made
    download = 0 if complete else download_bytes(card)
    store = 0 if complete else stored_bytes(card)
    return SetState(card, download, store, rows, found, damaged, step)


def disk_needs(states: Sequence[SetState], data: Path) -> DiskNeeds:
    """Disk that the sets still need against what is free where `data` lies or will lie.

    Archives and what is unpacked from them lie side by side for a while, so both are counted.
    """
    place = next(path for path in (data, *data.absolute().parents) if path.exists())
    needed = sum((state.download or 0) + (state.store or 0) for state in states)
    unknown = tuple(s.card.name for s in states if s.download is None or s.store is None)
    return DiskNeeds(needed, shutil.disk_usage(place).free, unknown)


def format_bytes(number: int | None) -> str:
    """Bytes for reading, in steps of 1000.

    >>> format_bytes(2_410_000_000), format_bytes(0), format_bytes(None)
    ('2.4 GB', '0', '?')
    """
    if number is None:
        return "?"
    size, unit = float(number), 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.{0 if unit < 2 or size >= 100 else 1}f} {_UNITS[unit]}" if number else "0"


def download_bytes(card: Card) -> int | None:
    """Bytes of all files that a set is brought with; None where a size is not known."""
    if card.download_bytes is not None:
        return card.download_bytes
    sizes = [file.known_bytes for file in card.files]
    if card.access.kind == "local":
        return 0
    return None if None in sizes else sum(size or 0 for size in sizes)


def stored_bytes(card: Card) -> int | None:
    """Bytes that a set's own videos take; None where that is not known."""
    return 0 if card.files_of or card.access.kind == "local" else card.stored_bytes


def _count_on_disk(source: Path, card: Card) -> int | None:
    """Label rows with a file, before any of them was opened."""
    if not card.labels or not all((source / name).is_file() for name in card.label_files[:1]):
        return None
    labels = read_labels(source, card)
    return len(match_videos(labels["video"], video_files(source / videos_folder(card)), card.match))


def _step_after_manifest(card: Card, counts: Counter[str], expected: int | None) -> str:
    rows = counts.total()
    if expected not in {None, rows}:
        return f"{rows} rows, expected {expected}: `vqathinker data check {card.name}`"
    if counts["missing"]:
        missing = counts["missing"]
        return f"{missing} videos are missing: `vqathinker data check {card.name}` names them"
    return "nothing, it is ready"


def _step_with_missing(card: Card, source: Path, step: str, found: int) -> str:
    """What to do about missing videos: they may be there by now, or under other names."""
    there = _count_on_disk(source, card) or 0
    if there > found:
        again = f"`vqathinker data manifest {card.name}` again"
        return f"{there - found} videos that were missing are there now: {again}"
    hint = names_of_set(card, source)
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
        return f"{fetch}, which takes the videos that you have put there"
    if manual := _manual_step(card, data / card.name, environment, journal):
        return f"{manual}, then {fetch}"
    return f"{fetch} again, it goes on from what is here" if journal.videos_begun else fetch


def _manual_step(
    card: Card, folder: Path, environment: Mapping[str, str], journal: FetchJournal
) -> str | None:
    """What only a person can do about the set, or None where there is nothing of the kind."""
    if card.access.kind == "local":
        source = folder / "source"
        if (source / card.label.file).is_file() and video_files(source / "videos"):
            return None
        return f"put {card.label.file} and videos/ into {source}/ (links will do)"
    wanted = {card.access.token_env, *(file.password_env for file in card.files)}
    unset = ", ".join(sorted(name for name in wanted if name and name not in environment))
    asking = f"{card.access.say.strip()} Go to {card.access.page},"
    if card.access.kind == "token" and unset:
        return f"{asking} put it into the variable {unset}"
    secret = f"its password, if it has one, into the variable {unset}" if unset else ""
    downloads = folder / "downloads"
    manual = [file for file in card.files if file.manual and not journal.of_card_file(file.name)]
    drops = [
        file.manual.drop
        for file in manual
        if file.manual and not dropped_files(card, file, downloads)
    ]
    if drops:
        also = f", and {secret}" if secret else ""
        return f"{asking} drop what you get ({', '.join(drops)}) into {downloads}/{also}"
    return f"put {secret}" if secret else None
