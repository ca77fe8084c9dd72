"""State of each data set on disk, what to do next, and differences from receipt and manifest."""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from vqathinker.datasets.card import Card
from vqathinker.datasets.fetching.journal import FetchJournal
from vqathinker.datasets.fetching.manual_files import downloads_folder, find_manual_files
from vqathinker.datasets.labels import find_disagreements, read_labels
from vqathinker.datasets.manifest import read_manifest
from vqathinker.datasets.matching import (
    describe_mismatch,
    format_names,
    match_videos,
    video_files,
    walk_files,
)
from vqathinker.datasets.receipt import read_receipt
from vqathinker.errors import InputError
from vqathinker.hashing import sha256_of_file

_MAX_LISTED = 20
_UNITS = ("B", "kB", "MB", "GB", "TB")


@dataclass(frozen=True)
class SetState:
    """State of one set on this machine; unknown numbers are None."""

    card: Card
    download: int | None  # bytes still to download
    store: int | None  # bytes that the videos will take on disk
    expected: int | None  # rows of the label file, from the card or params.yaml
    found: int | None  # label rows whose video is on disk
    damaged: int | None  # of these, videos that cannot be read, according to the manifest
    next_step: str  # what the user should do next


def read_set_state(
    card: Card, data: Path, configured: int | None, environment: Mapping[str, str]
) -> SetState:
    """Inspect one set below the folder `data`: file names and the manifest, not the videos.

    `configured` is the number of rows in params.yaml, or None. Of `environment`, only the names of
    the variables are used.
    """
    rows = card.expected or configured
    source, folder = data / card.name / "source", data / card.name
    is_fetched, journal = (folder / "source.json").is_file(), FetchJournal(source)
    is_manual, found, damaged = False, None, None
    try:
        is_manual = bool(card.files) and journal.has_manual_videos()
        if (folder / "manifest.parquet").is_file():
            counts = Counter(read_manifest(folder / "manifest.parquet")["status"])
            found = counts.total() - counts["missing"]
            damaged = found - counts["ok"]
            step = _step_after_manifest(card, source, counts, rows)
        else:
            found, hint = count_videos(source, card)
            step = f"`vqathinker data manifest {card.name}`, or run the pipeline"
            if not is_fetched:
                step = _step_before_receipt(card, data, environment, journal, is_manual=is_manual)
            step = f"{hint}; then {step}" if hint else step
    except InputError as error:
        step = str(error)
    complete = is_fetched or is_manual or card.is_synthetic
    download = 0 if complete else download_bytes(card)
    store = 0 if complete else stored_bytes(card)
    return SetState(card, download, store, rows, found, damaged, step)


def required_disk_space(states: Sequence[SetState], data: Path) -> tuple[int, int, list[str]]:
    """Bytes that the sets still need, bytes free on the disk of `data`, and sets of unknown size.

    Archives and their content both count, because they exist together for a while.
    """
    place = next(path for path in (data, *data.absolute().parents) if path.exists())
    needed = sum((state.download or 0) + (state.store or 0) for state in states)
    unknown = [s.card.name for s in states if s.download is None or s.store is None]
    return needed, shutil.disk_usage(place).free, unknown


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
    """Size of all downloads of a set in bytes; None if the size of any file is unknown."""
    if card.download_bytes is not None:
        return card.download_bytes
    sizes = [file.size_estimate for file in card.files]
    if card.access.kind == "local":
        return 0
    return None if None in sizes else sum(size or 0 for size in sizes)


def stored_bytes(card: Card) -> int | None:
    """Size of the videos of a set in bytes, without those of other sets; None if unknown."""
    return 0 if card.files_of or card.access.kind == "local" else card.stored_bytes


def count_videos(source: Path, card: Card) -> tuple[int | None, str | None]:
    """Count labels with a video (None without a label file), and give a hint if it is 0."""
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
    on_disk, hint = count_videos(source, card)
    if (new := (on_disk or 0) - (rows - missing)) > 0:
        again = f"`vqathinker data manifest {card.name}` again"
        return f"{new} videos are on disk but missing from the manifest: {again}"
    step = f"{missing} videos are missing: `vqathinker data check {card.name}` lists them"
    return f"{step}; {hint}" if hint else step


def _step_before_receipt(
    card: Card,
    data: Path,
    environment: Mapping[str, str],
    journal: FetchJournal,
    *,
    is_manual: bool,
) -> str:
    fetch = f"`vqathinker data fetch {card.name}`"
    if card.is_synthetic:
        return "nothing, the pipeline generates it"
    if card.files_of and not (data / card.files_of / "source.json").is_file():
        return f"`vqathinker data fetch {card.files_of}` first: both sets use its videos"
    if is_manual:
        return f"{fetch}, which uses the videos that you have supplied"
    if manual := _manual_step(card, data / card.name, environment, journal):
        return f"{manual}, then {fetch}"
    return f"{fetch} again to resume" if journal.has_started_videos else fetch


def _manual_step(
    card: Card, folder: Path, environment: Mapping[str, str], journal: FetchJournal
) -> str | None:
    """The next step that only the user can do, if any."""
    source = folder / "source"
    if card.access.kind == "local":
        if (source / card.label.file).is_file() and video_files(source / "videos"):
            return None
        return f"put {card.label.file} and videos/ into {source}/ (links are allowed)"
    wanted = {card.access.token_env, *(file.password_env for file in card.files)}
    unset = ", ".join(sorted(name for name in wanted if name and name not in environment))
    request = f"{card.access.say.strip()} Go to {card.access.page},"
    if card.access.kind == "token" and unset:
        return f"{request} set the environment variable {unset}"
    password = f"if it is encrypted, set the environment variable {unset}" if unset else None
    downloads = downloads_folder(source)
    drops = [
        file.manual.drop
        for file in card.files
        if file.manual
        and not journal.downloads_of(file.name)
        and not find_manual_files(card, file, downloads)
    ]
    if drops:
        also = f"; {password}" if password else ""
        return f"{request} save the files ({', '.join(drops)}) in {downloads}/{also}"
    return password


def find_problems(card: Card, data: Path, configured: int | None) -> list[str]:
    """List everything that is wrong with one set below the folder `data`, one line each.

    Hashes every file of the receipt, which takes as long as reading the whole set. `configured` is
    the number of rows in params.yaml (data.counts), or None.
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
        yield f"{receipt}: missing; fetch the set with {fetch}"
        return
    listed = read_receipt(receipt)["files"]
    files = (path for path in walk_files(source) if path.is_file())
    paths = {path.relative_to(source).as_posix() for path in files}
    if added := sorted(paths - {file["path"] for file in listed}):
        named = format_names(added, _MAX_LISTED)
        yield f"{receipt}: does not list {len(added)} files: {named}; update it with {fetch}"
    for file in tqdm(listed, desc=f"hashing {card.name}", disable=None):
        path, size = source / file["path"], file["bytes"]
        if card.is_private(PurePosixPath(file["path"])) and path.exists():
            yield f"{path}: private data (never_keep of the card); delete it"
        try:
            found = path.stat().st_size
            digest = sha256_of_file(path) if found == size else None
        except FileNotFoundError:
            yield f"{path}: missing, but listed in the receipt"
        except OSError as error:
            yield f"{path}: cannot be read ({error.strerror})"
        else:
            if digest is None:
                yield f"{path}: {found} bytes, the receipt says {size}"
            elif digest != file["sha256"]:
                yield f"{path}: its sha256 is {digest}, the receipt says {file['sha256']}"


def _label_problems(card: Card, source: Path) -> Iterator[str]:
    read_labels(source, card)
    yield from find_disagreements(source, card)


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
        yield f"{path}: {len(missing)} videos are missing: {format_names(missing, _MAX_LISTED)}"
    if not card.is_synthetic:  # demo sets contain damaged videos on purpose
        damaged = table[~table["status"].isin(["ok", "missing"])]
        for video, status, reason in damaged.itertuples(index=False, name=None):
            yield f"{path}: {video} is {status}: {reason}"
