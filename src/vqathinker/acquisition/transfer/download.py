"""One file from the first of its origins that delivers it, whole and with the right hash.

In order: the local mirror folder, then the origins as given. Each is tried with patience, what has
come is kept between tries, origins and runs, and the file gets its name only when it is the one
that was wanted.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Protocol

import numpy as np

from vqathinker.acquisition.transfer.checksum import Checksum, sha256_of
from vqathinker.acquisition.transfer.failure import GoneError, OriginError, TransferError
from vqathinker.acquisition.transfer.folder import FolderFile
from vqathinker.acquisition.transfer.partial import PartialFile, Wanted
from vqathinker.acquisition.transfer.patience import Patience, persist
from vqathinker.acquisition.transfer.progress import shown
from vqathinker.acquisition.transfer.recorded import HashTable

__all__ = ["Downloaded", "Means", "Origin", "WrongContentError", "download"]

_log = logging.getLogger(__name__)


class Origin(Protocol):
    """Where a file can come from: `WebFile`, `DriveFile`, `HubFile.origin`, `FolderFile`."""

    def fetch(
        self, part: PartialFile, patience: Patience, show: Callable[[int, int | None], None]
    ) -> None:
        """Bring `part` to its end once; see `WebFile.fetch`."""

    def __str__(self) -> str:
        """Where it is, without a secret."""


class WrongContentError(OriginError):
    """A file is not the one that was wanted; the message names both hashes."""


@dataclass(frozen=True)
class Means:
    """What every download of a run shares.

    Args:
        patience: timeouts and tries.
        rng: draws the waits between tries.
        recorded: table for files without a published hash; None records nothing.
        mirror: folder that is tried first; None without one.
        sleep: waits so many seconds.
    """

    patience: Patience
    rng: np.random.Generator
    recorded: HashTable | None = None
    mirror: Path | None = None
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Downloaded:
    """A file that is in place and is the right one.

    Args:
        path: where it is.
        size: bytes.
        sha256: hexadecimal.
        origin: where it came from; None when it was in place before.
    """

    path: Path
    size: int
    sha256: str
    origin: str | None


def download(wanted: Wanted, origins: Sequence[Origin], target: Path, means: Means) -> Downloaded:
    """Get a file, or find that it is here.

    Args:
        wanted: its name, and size and checksum where they are published.
        origins: tried in this order, behind the mirror folder.
        target: the file to write; what is there and right is left alone, what is there and wrong
            is never overwritten.
        means: patience, table of hashes, mirror folder.

    Returns:
        The file, checked.

    Raises:
        GoneError: every origin answers that it has no such file.
        TransferError: no origin delivers it (the message says why of each and what to do), the
            disk is full, another process is at it, or what is at `target` is not what is wanted.
        ValueError: the name leads out of the mirror folder.
    """
    wanted = _with_recorded_hash(wanted, means)
    if target.exists():
        return _in_place(wanted, target, means)
    with PartialFile.open_for(target, wanted) as part:
        if target.exists():  # another process was faster
            return _in_place(wanted, target, means)
        origin, sha256 = _from_first(_with_mirror(wanted, origins, means), part, means)
        _log.info("%s: %d bytes from %s", wanted.name, part.size, origin)
        _record(wanted, part.size, sha256, origin, means)
        part.finish()
        return Downloaded(target, part.size, sha256, origin)


def _with_recorded_hash(wanted: Wanted, means: Means) -> Wanted:
    if wanted.checksum is not None or means.recorded is None:
        return wanted
    return Wanted(wanted.name, wanted.size, means.recorded.find(wanted.name))


def _with_mirror(wanted: Wanted, origins: Sequence[Origin], means: Means) -> list[Origin]:
    name = PurePosixPath(wanted.name)
    if name.is_absolute() or ".." in name.parts:
        raise ValueError(f"name {wanted.name!r}, expected a path such as set/archive.zip")
    mirror = [] if means.mirror is None else [FolderFile(means.mirror / name)]
    return [*mirror, *origins]


def _in_place(wanted: Wanted, target: Path, means: Means) -> Downloaded:
    size = target.stat().st_size
    try:
        sha256 = _check(wanted, target)
        _record(wanted, size, sha256, "put in place by the user", means)
    except WrongContentError as error:
        message = f"{target}: {error}. Move it away, and run the same command again."
        raise WrongContentError(message) from None
    return Downloaded(target, size, sha256, None)


def _from_first(origins: Sequence[Origin], part: PartialFile, means: Means) -> tuple[str, str]:
    """Name of the first origin that delivers, and the SHA-256 of the file."""
    reasons, gone = [], True
    for origin in origins:
        try:
            return str(origin), _from(origin, part, means)
        except OriginError as error:
            _log.warning("%s: %s: %s", part.wanted.name, origin, error)
            reasons.append(f"\n  {origin}: {error}")
            gone = gone and isinstance(error, GoneError)
    place = "" if means.mirror is None else f" or to {means.mirror / part.wanted.name}"
    kept = f": it goes on from the {part.size:,} bytes that are here" if part.size else ""
    raise (GoneError if gone and origins else TransferError)(
        f"{part.wanted.name}: no origin delivers it.{''.join(reasons)}"
        f"\nRun the same command again later{kept}. Or get the file by other ways and put it to "
        f"{part.target}{place}."
    )


def _from(origin: Origin, part: PartialFile, means: Means) -> str:
    while True:
        part.inherited = part.size > 0
        try:
            return _attempts(origin, part, means)
        except WrongContentError:
            inherited = part.inherited
            part.discard()
            if not inherited:
                raise
        # What was there before may have been wrong, so this origin starts afresh once.
        _log.warning("%s: wrong after resuming, starting again from zero", part.wanted.name)


def _attempts(origin: Origin, part: PartialFile, means: Means) -> str:
    """Tries with patience; SHA-256 of the file, or WrongContentError."""
    size, known = part.wanted.size, part.wanted.checksum
    if size is not None and part.size > size:
        part.discard()
    if known is None or size is None or part.size < size:
        _transfer(origin, part, means)
    return _check(part.wanted, part.path)


def _transfer(origin: Origin, part: PartialFile, means: Means) -> None:
    arrived = part.size
    with shown(part.wanted.name, part.wanted.size) as show:

        def follow(done: int, total: int | None) -> None:
            nonlocal arrived
            arrived = done
            show(done, total)

        attempt = partial(origin.fetch, part, means.patience, follow)
        persist(attempt, lambda: arrived, means.patience, means.rng, means.sleep)


def _check(wanted: Wanted, path: Path) -> str:
    """SHA-256 of a file that is what was wanted."""
    size = path.stat().st_size
    if wanted.size not in (None, size):
        raise WrongContentError(f"has {size:,} bytes, expected {wanted.size:,}")
    sha256 = sha256_of(path)
    checksum = wanted.checksum
    if checksum is not None:
        digest = sha256 if checksum.algorithm == "sha256" else checksum.of(path)
        if not checksum.fits(digest):
            raise WrongContentError(_difference(checksum, digest))
    return sha256


def _difference(expected: Checksum, digest: str) -> str:
    return (
        f"has {expected.algorithm} {digest}, expected {expected.digest} ({expected.source}): it is "
        "damaged, or its owner has changed it. When the page of the set says so, correct the card, "
        "or delete the row of the table"
    )


def _record(wanted: Wanted, size: int, sha256: str, origin: str, means: Means) -> None:
    """Write the hash of a file that nothing else vouches for."""
    if wanted.checksum is not None or means.recorded is None:
        return
    known = means.recorded.record(wanted.name, size, sha256, datetime.now(UTC).date(), origin)
    if not known.fits(sha256):
        raise WrongContentError(f"{wanted.name}: {_difference(known, sha256)}")
