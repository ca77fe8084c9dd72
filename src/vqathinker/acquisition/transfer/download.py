"""One file from the first of its origins that delivers it, whole and with the right hash.

In order: the local mirror folder, then the origins as given. Each is tried as often as the policy
says, what has come is kept between tries, origins and runs, and the file gets its name only when it
is the one that was expected. A web page or an error message is none, whatever its address said.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Protocol

from vqathinker.acquisition.transfer.context import DownloadContext
from vqathinker.acquisition.transfer.errors import GoneError, OriginError, TransferError
from vqathinker.acquisition.transfer.expected_file import ExpectedFile
from vqathinker.acquisition.transfer.folder import FolderFile
from vqathinker.acquisition.transfer.partial import PartialFile
from vqathinker.acquisition.transfer.progress import ReportProgress, progress_bar
from vqathinker.acquisition.transfer.retry import retry
from vqathinker.acquisition.transfer.verification import (
    WrongContentError,
    record_hash,
    verify,
    with_recorded_hash,
)

__all__ = [
    "DownloadedFile",
    "Origin",
    "download",
]

_log = logging.getLogger(__name__)


class Origin(Protocol):
    """Where a file can come from: `WebFile`, `DriveFile`, `HubFile.origin`, `FolderFile`."""

    def fetch(self, part: PartialFile, context: DownloadContext, report: ReportProgress) -> None:
        """Bring `part` to its end once; see `WebFile.fetch`."""

    def __str__(self) -> str:
        """Where it is, without a secret."""


@dataclass(frozen=True)
class DownloadedFile:
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


def download(
    expected: ExpectedFile,
    origins: Sequence[Origin],
    target: Path,
    context: DownloadContext,
    *,
    record: bool = True,
    before_placing: Callable[["DownloadedFile"], None] = lambda _: None,
) -> DownloadedFile:
    """Get a file, or find that it is here.

    Args:
        expected: its name, and size and checksum where they are published.
        origins: tried in this order, behind the mirror folder.
        target: the file to write; what is there and right is left alone, what is there and wrong
            is never overwritten.
        context: policy of tries, table of hashes, mirror folder.
        record: whether the hash of a file that nothing else vouches for is recorded now; else by
            `record_hash`, once it has been read.
        before_placing: called with what is returned, when the file has come and was checked, and
            before it gets its name; not for one that is here already.

    Returns:
        The file, checked.

    Raises:
        GoneError: every origin answers that it has no such file.
        TransferError: no origin delivers it (the message says why of each and what to do), the
            disk is full, another process is at it, or what is at `target` is not what is expected.
        ValueError: the name leads out of the mirror folder.
    """
    expected = with_recorded_hash(expected, context)
    if target.exists():
        PartialFile.clear_note(target)  # of a process that was killed before it could
        return _check_existing(expected, target, context, record=record)
    with PartialFile.open_for(target, expected) as part:
        if target.exists():  # another process was faster
            return _check_existing(expected, target, context, record=record)
        candidates = _with_mirror(expected, origins, context)
        origin, sha256 = _download_from_first(candidates, part, context)
        _log.info("%s: %d bytes from %s", expected.name, part.size, origin)
        if record:
            record_hash(expected, part.size, sha256, origin, context)
        done = DownloadedFile(target, part.size, sha256, origin)
        before_placing(done)
        part.finish()
        return done


def _with_mirror(
    expected: ExpectedFile, origins: Sequence[Origin], context: DownloadContext
) -> list[Origin]:
    name = PurePosixPath(expected.name)
    if name.is_absolute() or ".." in name.parts:
        raise ValueError(f"name {expected.name!r}, expected a path such as set/archive.zip")
    mirror = [] if context.mirror is None else [FolderFile(context.mirror / name)]
    return [*mirror, *origins]


def _check_existing(
    expected: ExpectedFile, target: Path, context: DownloadContext, *, record: bool
) -> DownloadedFile:
    size = target.stat().st_size
    try:
        sha256 = verify(expected, target)
        if record:
            record_hash(expected, size, sha256, None, context)
    except WrongContentError as error:
        message = f"{target}: {error}. Move it away, and run the same command again."
        raise WrongContentError(message) from None
    return DownloadedFile(target, size, sha256, None)


def _download_from_first(
    origins: Sequence[Origin], part: PartialFile, context: DownloadContext
) -> tuple[str, str]:
    """Name of the first origin that delivers, and the SHA-256 of the file."""
    reasons, gone = [], True
    for origin in origins:
        try:
            return str(origin), _download_from(origin, part, context)
        except OriginError as error:
            _log.warning("%s: %s: %s", part.expected.name, origin, error)
            reasons.append(f"\n  {origin}: {error}")
            gone = gone and isinstance(error, GoneError)
    place = "" if context.mirror is None else f" or to {context.mirror / part.expected.name}"
    kept = f": it goes on from the {part.size:,} bytes that are here" if part.size else ""
    raise (GoneError if gone and origins else TransferError)(
        f"{part.expected.name}: no origin delivers it.{''.join(reasons)}"
        f"\nRun the same command again later{kept}. Or get the file by other ways and put it to "
        f"{part.target}{place}."
    )


def _download_from(origin: Origin, part: PartialFile, context: DownloadContext) -> str:
    """SHA-256 of the file from this origin, or WrongContentError."""
    while True:
        part.resumed = part.size > 0
        try:
            return _fetch_and_verify(origin, part, context)
        except WrongContentError:
            resumed = part.resumed
            part.discard()
            if not resumed:
                raise
        # What was there before may have been wrong, so this origin starts afresh once.
        _log.warning("%s: wrong after resuming, starting again from zero", part.expected.name)


def _fetch_and_verify(origin: Origin, part: PartialFile, context: DownloadContext) -> str:
    size, checksum = part.expected.size, part.expected.checksum
    if size is not None and part.size > size:
        part.discard()
    # Only a checksum can tell that bytes from before are the whole file.
    if checksum is None or size is None or part.size < size:
        _fetch_with_retries(origin, part, context)
    return verify(part.expected, part.path)


def _fetch_with_retries(origin: Origin, part: PartialFile, context: DownloadContext) -> None:
    received = part.size
    with progress_bar(part.expected.name, part.expected.size) as show:

        def report(done: int, total: int | None) -> None:
            nonlocal received
            received = done
            show(done, total)

        attempt = partial(origin.fetch, part, context, report)
        retry(attempt, lambda: received, context.policy, context.rng, context.clock.sleep)
