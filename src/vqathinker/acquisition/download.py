"""One file from the first of its origins that delivers it, whole and with the right hash.

In order: the local mirror folder, then the origins as given. Each is tried as often as the policy
says, what has come is kept between tries, origins and runs, and the file gets its name only when it
is the one that was expected. A web page or an error message is none, whatever its address said.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol

from vqathinker.acquisition.checksum import Checksum, HashTable
from vqathinker.acquisition.errors import (
    GoneError,
    OriginError,
    TransferError,
    WrongContentError,
    require_space,
)
from vqathinker.acquisition.partial import ExpectedFile, PartialFile, clear_note
from vqathinker.acquisition.progress import ReportProgress, progress_bar
from vqathinker.acquisition.retry import RetryPolicy, retry
from vqathinker.acquisition.safe_path import safe_path
from vqathinker.content import document_in, placeholder_in, sha256_of_file

_log = logging.getLogger(__name__)

_BY_HAND = "put in place by the user"


class Origin(Protocol):
    """Where a file can come from: `WebFile`, `DriveFile`, `HubFile.origin`, `FolderFile`."""

    def fetch(self, part: PartialFile, report: ReportProgress) -> None:
        """Bring `part` to its end once; see `WebFile.fetch`. `str` says where, without a secret."""


@dataclass(frozen=True)
class FolderFile:
    """A file of a local folder: the mirror of machines without internet, or what a person has put.

    It is copied, so that the folder may change or go away.
    """

    path: Path

    def fetch(self, part: PartialFile, report: ReportProgress) -> None:
        """Bring `part` to its end; see `WebFile.fetch`."""
        try:
            with self.path.open("rb") as file:
                size = self.path.stat().st_size
                if part.expected.size not in (None, size):
                    raise OriginError(f"has {size:,} bytes, expected {part.expected.size:,}")
                part.restart(str(self), None, size)
                require_space(part.path, size)
                while chunk := file.read(1 << 20):
                    part.append(chunk)
                    report(part.size, size)
        except FileNotFoundError:
            raise GoneError("no such file") from None
        except (IsADirectoryError, PermissionError) as error:
            raise OriginError(f"cannot be read: {error.strerror}") from None

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True)
class DownloadContext:
    """What every download of a run shares.

    Args:
        policy: of tries.
        hash_table: hashes of files without a published one; None records nothing.
        mirror: folder that is tried first; None without one.
    """

    policy: RetryPolicy
    hash_table: HashTable | None = None
    mirror: Path | None = None


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
            disk is full, or what is at `target` is not what is expected.
    """
    if expected.checksum is None and context.hash_table is not None:
        expected = replace(expected, checksum=context.hash_table.find(expected.name))
    if target.exists():
        clear_note(target)  # of a process that was killed before it could
        return _check_existing(expected, target, context, record=record)
    if context.mirror is not None:
        origins = [FolderFile(context.mirror / safe_path(expected.name)), *origins]
    with PartialFile.open_for(target, expected) as part:
        origin, sha256 = _download_from_first(origins, part, context)
        _log.info("%s: %d bytes from %s", expected.name, part.size, origin)
        if record:
            record_hash(expected, part.size, sha256, origin, context)
        done = DownloadedFile(target, part.size, sha256, origin)
        before_placing(done)
        part.finish()
        return done


def record_hash(
    expected: ExpectedFile, size: int, sha256: str, origin: str | None, context: DownloadContext
) -> None:
    """Record the hash of a file that nothing else vouches for, in the table of the context.

    `origin` is where it came from, without a secret; None: put there by the user.

    Raises:
        WrongContentError: another hash is recorded for it.
    """
    if expected.checksum is not None or context.hash_table is None:
        return
    today = datetime.now(UTC).date()
    recorded = context.hash_table.record(expected.name, size, sha256, today, origin or _BY_HAND)
    if not recorded.matches(sha256):  # another job was faster, and got something else
        raise WrongContentError(f"{expected.name}: {_describe_mismatch(recorded, sha256)}")


def require_content(expected: ExpectedFile, path: Path) -> None:
    """Refuse what is certainly not the file, see `vqathinker.content`.

    Raises:
        WrongContentError: the message says what it is, and names no path.
    """
    found = document_in(path) if expected.is_binary else placeholder_in(path)
    if found is not None and expected.size != 0:
        wanted = "an archive and not a video" if expected.is_binary else "the file"
        raise WrongContentError(f"is {found.instead_of(wanted)}")


def _verify(expected: ExpectedFile, path: Path) -> str:
    """SHA-256 of a file that is what was expected, or WrongContentError, without its path."""
    require_content(expected, path)
    size = path.stat().st_size
    if expected.size not in (None, size):
        raise WrongContentError(f"has {size:,} bytes, expected {expected.size:,}")
    sha256, checksum = sha256_of_file(path), expected.checksum
    if checksum is not None:
        digest = sha256 if checksum.algorithm == "sha256" else checksum.digest_of(path)
        if not checksum.matches(digest):
            raise WrongContentError(_describe_mismatch(checksum, digest))
    return sha256


def _describe_mismatch(expected: Checksum, digest: str) -> str:
    return (
        f"has {expected.algorithm} {digest}, expected {expected.digest} ({expected.source}): it is "
        "damaged, or its owner has changed it. When the page of the set says so, correct the card, "
        "or delete the row of the table"
    )


def _check_existing(
    expected: ExpectedFile, target: Path, context: DownloadContext, *, record: bool
) -> DownloadedFile:
    size = target.stat().st_size
    try:
        sha256 = _verify(expected, target)
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
            return str(origin), _download_from(origin, part, context.policy)
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


def _download_from(origin: Origin, part: PartialFile, policy: RetryPolicy) -> str:
    """SHA-256 of the file from this origin, or WrongContentError."""
    expected = part.expected
    if expected.size is not None and part.size > expected.size:
        part.discard()
    part.resumed = part.size > 0
    # Only a checksum can tell that bytes from before are the whole file.
    if expected.checksum is None or part.size != expected.size:
        with progress_bar(expected.name) as show:
            # gdown writes to a file of its own: what has come is known from its reports alone.
            received = [part.size]

            def report(done: int, total: int | None) -> None:
                received[0] = done
                show(done, total)

            retry(partial(origin.fetch, part, report), policy, lambda: received[0])
    try:
        return _verify(expected, part.path)
    except WrongContentError:
        resumed = part.resumed
        part.discard()
        if not resumed:
            raise
    # What was there before may have been wrong, so this origin starts afresh once.
    _log.warning("%s: wrong after resuming, starting again from zero", expected.name)
    return _download_from(origin, part, policy)
