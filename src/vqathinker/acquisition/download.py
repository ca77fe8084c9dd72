"""Download a file from the first origin that delivers it completely and with the right hash.

The local mirror folder is tried first, then each origin. Bytes are kept between attempts, origins
and runs. The file gets its name only after verification, which also refuses web pages and error
messages that servers send in place of a file.
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
    RetryPolicy,
    TransferError,
    WrongContentError,
    require_space,
    retry,
)
from vqathinker.acquisition.partial import (
    ExpectedFile,
    PartialFile,
    ReportProgress,
    progress_bar,
)
from vqathinker.content import document_in, placeholder_in
from vqathinker.hashing import sha256_of_file

_log = logging.getLogger(__name__)

_BY_HAND = "put in place by the user"


class Origin(Protocol):
    """Source of a file: `WebFile`, `DriveFile` or `FolderFile`; its `str` contains no secret."""

    def fetch(self, part: PartialFile, report: ReportProgress) -> None:
        """Try once to complete `part`; see `WebFile.fetch`."""


@dataclass(frozen=True)
class FolderFile:
    """A file in a local folder, such as a mirror for machines without internet; it is copied."""

    path: Path

    def fetch(self, part: PartialFile, report: ReportProgress) -> None:
        """Copy the file; see `WebFile.fetch`."""
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

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True)
class DownloadContext:
    """Settings of all downloads of a run.

    Args:
        policy: of retries.
        hash_table: hashes of files without a published one; None records nothing.
        mirror: folder that is tried first.
    """

    policy: RetryPolicy
    hash_table: HashTable | None = None
    mirror: Path | None = None


@dataclass(frozen=True)
class DownloadedFile:
    """A verified file; `size` in bytes, `origin` None if the file existed before."""

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
    """Download a file, or verify that it exists.

    Args:
        expected: name of the file; size and checksum if published.
        origins: tried in this order, after the mirror folder.
        target: file to write. An existing file is verified and never overwritten.
        context: shared settings.
        record: whether to record the hash of a file without a published one; see `record_hash`.
        before_placing: called with a verified download before the file gets its name.

    Raises:
        GoneError: no origin has such a file.
        TransferError: no origin delivers it (the message gives each reason), there is too little
            space, or the existing file is not the expected one.
    """
    if expected.checksum is None and context.hash_table is not None:
        expected = replace(expected, checksum=context.hash_table.find(expected.name))
    if target.exists():
        size = target.stat().st_size
        try:
            sha256 = _verify(expected, target)
            if record:
                record_hash(expected, size, sha256, None, context)
        except WrongContentError as error:
            message = f"{target}: {error}. Move it away, and run the same command again."
            raise WrongContentError(message) from None
        return DownloadedFile(target, size, sha256, None)
    if context.mirror is not None:
        origins = [FolderFile(context.mirror / expected.name), *origins]
    part = PartialFile(target, expected)
    try:
        origin, sha256 = _download_from_first(origins, part, context)
    except BaseException:
        if part.size == 0:
            part.discard()
        raise
    done = DownloadedFile(target, part.size, sha256, origin)
    _log.info("%s: %d bytes from %s", expected.name, done.size, origin)
    if record:
        record_hash(expected, done.size, sha256, origin, context)
    before_placing(done)
    part.finish()
    return done


def record_hash(
    expected: ExpectedFile, size: int, sha256: str, origin: str | None, context: DownloadContext
) -> None:
    """Record the hash of a file without a published one in the table of the context.

    `origin` is None if the user put the file in place.

    Raises:
        WrongContentError: a different hash is recorded.
    """
    if expected.checksum is not None or context.hash_table is None:
        return
    today = datetime.now(UTC).date()
    recorded = context.hash_table.record(expected.name, size, sha256, today, origin or _BY_HAND)
    if recorded.digest != sha256:  # of a concurrent job
        raise WrongContentError(f"{expected.name}: {_describe_mismatch(recorded, sha256)}")


def require_content(expected: ExpectedFile, path: Path) -> None:
    """Raise WrongContentError, without the path, for web pages, error messages and the like."""
    found = document_in(path) if expected.is_binary else placeholder_in(path)
    if found is not None and expected.size != 0:
        wanted = "an archive and not a video" if expected.is_binary else "the file"
        raise WrongContentError(f"is {found.instead_of(wanted)}")


def _verify(expected: ExpectedFile, path: Path) -> str:
    """SHA-256 of the expected file; WrongContentError, without the path, for any other."""
    require_content(expected, path)
    size = path.stat().st_size
    if expected.size not in (None, size):
        raise WrongContentError(f"has {size:,} bytes, expected {expected.size:,}")
    sha256, checksum = sha256_of_file(path), expected.checksum
    if checksum is not None:
        digest = sha256 if checksum.algorithm == "sha256" else checksum.digest_of(path)
        if checksum.digest != digest:
            raise WrongContentError(_describe_mismatch(checksum, digest))
    return sha256


def _describe_mismatch(expected: Checksum, digest: str) -> str:
    return (
        f"has {expected.algorithm} {digest}, expected {expected.digest} ({expected.source}): it is "
        "damaged, or its owner has replaced it. If the owner did, correct the card or delete the "
        "row of the table"
    )


def _download_from_first(
    origins: Sequence[Origin], part: PartialFile, context: DownloadContext
) -> tuple[str, str]:
    """Name of the first origin that delivers the file, and the SHA-256 of the file."""
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
    """SHA-256 of the file after a download from this origin."""
    expected = part.expected
    if expected.size is not None and part.size > expected.size:
        part.discard()
    part.resumed = part.size > 0
    # Only a checksum can verify that existing bytes are the complete file.
    if expected.checksum is None or part.size != expected.size:
        with progress_bar(expected.name) as show:
            # gdown writes to its own file, so the size of `part` does not show its progress.
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
    # The bytes from before may have been wrong, so download all once more.
    _log.warning("%s: wrong after resuming, starting again from zero", expected.name)
    return _download_from(origin, part, policy)
