"""Download a file from the first origin that delivers it complete and with the right hash.

The mirror folder is tried first, then each origin in order. Downloaded bytes are kept between
attempts, origins and runs. The file gets its final name only after verification, which also refuses
web pages and error messages that a server sent instead of the file.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol

from vqathinker.acquisition.checksum import HashTable
from vqathinker.acquisition.errors import (
    NotFoundError,
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

FROM_USER = "put in place by the user"


class Origin(Protocol):
    """Source of a file: `WebFile`, `DriveFile` or `LocalFile`; its `str` contains no secret."""

    def fetch(self, part: PartialFile, report: ReportProgress) -> None:
        """Make one attempt to complete `part`; see `WebFile.fetch`."""


@dataclass(frozen=True)
class LocalFile:
    """A file to copy from a local folder, such as a mirror for machines without internet."""

    path: Path

    def fetch(self, part: PartialFile, report: ReportProgress) -> None:
        """Copy the file; see `WebFile.fetch`."""
        try:
            with self.path.open("rb") as file:
                size = self.path.stat().st_size
                part.restart(str(self), None, size)
                require_space(part.path, size)
                while chunk := file.read(1 << 20):
                    part.append(chunk)
                    report(part.size, size)
        except FileNotFoundError:
            raise NotFoundError("no such file") from None

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True)
class DownloadContext:
    """Settings shared by all downloads of a run.

    Args:
        policy: when to retry.
        hash_table: hashes of files whose owners publish none; None records nothing.
        mirror: folder to try first.
    """

    policy: RetryPolicy
    hash_table: HashTable | None = None
    mirror: Path | None = None


@dataclass(frozen=True)
class DownloadedFile:
    """A verified file: `size` in bytes; `origin` is None if the file already existed."""

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
    on_verified: Callable[["DownloadedFile"], None] = lambda _: None,
) -> DownloadedFile:
    """Download a file, or verify an existing one.

    Args:
        expected: name of the file; size and checksum if published.
        origins: tried in this order, after the mirror folder.
        target: file to write. An existing file is verified and never overwritten.
        context: shared settings.
        on_verified: called after verification, before the file gets its final name.

    Raises:
        NotFoundError: no origin has the file.
        TransferError: no origin delivers the file (the message gives the reason for each), the disk
            is full, or the existing file is not the expected one.
    """
    if expected.checksum is None and context.hash_table is not None:
        expected = replace(expected, checksum=context.hash_table.find(expected.name))
    if target.exists():
        try:
            sha256 = _verify(expected, target)
        except WrongContentError as error:
            message = f"{target}: {error}. Move it elsewhere and rerun the same command."
            raise WrongContentError(message) from None
        return DownloadedFile(target, target.stat().st_size, sha256, None)
    if context.mirror is not None:
        origins = [LocalFile(context.mirror / expected.name), *origins]
    part = PartialFile(target, expected)
    try:
        origin, sha256 = _download_from_first(origins, part, context)
    except BaseException:
        if part.size == 0:
            part.discard()
        raise
    downloaded = DownloadedFile(target, part.size, sha256, origin)
    _log.info("%s: %d bytes from %s", expected.name, downloaded.size, origin)
    on_verified(downloaded)
    part.finish()
    return downloaded


def record_hash(
    expected: ExpectedFile, size: int, sha256: str, origin: str | None, context: DownloadContext
) -> None:
    """Record the hash of a download in the table, unless its owner publishes one.

    Call this only after the file was read successfully: otherwise the hash of a damaged archive
    would count as the right one. `origin` is None if the user supplied the file.
    """
    if expected.checksum is None and context.hash_table is not None:
        today = datetime.now(UTC).date()
        context.hash_table.record(expected.name, size, sha256, today, origin or FROM_USER)


def require_no_placeholder(expected: ExpectedFile, path: Path) -> None:
    """Raise WrongContentError, without the path, for web pages, pointers and error messages."""
    found = document_in(path) if expected.is_binary else placeholder_in(path)
    if found is not None and expected.size != 0:
        wanted = "an archive and not a video" if expected.is_binary else "the file"
        raise WrongContentError(f"is {found.instead_of(wanted)}")


def _verify(expected: ExpectedFile, path: Path) -> str:
    """Return the SHA-256 of a file; raise WrongContentError, without the path, if it is wrong."""
    require_no_placeholder(expected, path)
    size = path.stat().st_size
    if expected.size not in (None, size):
        raise WrongContentError(f"has {size:,} bytes, expected {expected.size:,}")
    sha256, checksum = sha256_of_file(path), expected.checksum
    if checksum is not None:
        digest = sha256 if checksum.algorithm == "sha256" else checksum.digest_of(path)
        if checksum.digest != digest:
            raise WrongContentError(
                f"has {checksum.algorithm} {digest}, expected {checksum.digest} "
                f"({checksum.source}): it is damaged, or its owner has replaced it. If it was "
                "replaced, correct the card or delete the row of the table"
            )
    return sha256


def _download_from_first(
    origins: Sequence[Origin], part: PartialFile, context: DownloadContext
) -> tuple[str, str]:
    """Return the first origin that delivers the file, and the SHA-256 of the file."""
    reasons, all_not_found = [], True
    for origin in origins:
        try:
            return str(origin), _download_from(origin, part, context.policy)
        except OriginError as error:
            _log.warning("%s: %s: %s", part.expected.name, origin, error)
            reasons.append(f"\n  {origin}: {error}")
            all_not_found = all_not_found and isinstance(error, NotFoundError)
    mirror_hint = "" if context.mirror is None else f" or {context.mirror / part.expected.name}"
    resume_hint = f" to resume from the {part.size:,} bytes downloaded so far" if part.size else ""
    raise (NotFoundError if all_not_found and origins else TransferError)(
        f"{part.expected.name}: no origin delivers it.{''.join(reasons)}"
        f"\nRerun the same command later{resume_hint}, or obtain the file elsewhere and save it as "
        f"{part.target}{mirror_hint}."
    )


def _download_from(origin: Origin, part: PartialFile, policy: RetryPolicy) -> str:
    """Download from one origin; return the SHA-256 of the file."""
    expected, part.resumed = part.expected, part.size > 0
    # Without a checksum, nothing proves that the existing bytes are the complete file.
    if expected.checksum is None or part.size != expected.size:
        with progress_bar(expected.name) as show:
            # gdown writes to its own file, so the size of `part` says nothing about its progress.
            received = [part.size]

            def report(downloaded: int, total: int | None) -> None:
                received[0] = downloaded
                show(downloaded, total)

            retry(partial(origin.fetch, part, report), policy, lambda: received[0])
    try:
        return _verify(expected, part.path)
    except WrongContentError:
        resumed = part.resumed
        part.discard()
        if not resumed:
            raise
    # The bytes of the earlier download may be the wrong ones, so start over.
    _log.warning("%s: wrong content after resuming, restarting from zero", expected.name)
    return _download_from(origin, part, policy)
