"""Whether a file is the one that was expected: content, size, hash; and whose hash counts."""

from dataclasses import replace
from pathlib import Path

from vqathinker.acquisition.transfer.checksum import Checksum, sha256_of
from vqathinker.acquisition.transfer.context import DownloadContext
from vqathinker.acquisition.transfer.errors import OriginError
from vqathinker.acquisition.transfer.expected_file import ExpectedFile
from vqathinker.content import document_in, placeholder_in

__all__ = [
    "WrongContentError",
    "record_hash",
    "require_content",
    "verify",
    "with_recorded_hash",
]

_BY_HAND = "put in place by the user"


class WrongContentError(OriginError):
    """A file is not the one that was expected; the message names both hashes."""


def with_recorded_hash(expected: ExpectedFile, context: DownloadContext) -> ExpectedFile:
    """What is expected, with the hash that the table of the context has for it."""
    if expected.checksum is not None or context.hash_table is None:
        return expected
    return replace(expected, checksum=context.hash_table.find(expected.name))


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
    today = context.clock.now().date()
    recorded = context.hash_table.record(expected.name, size, sha256, today, origin or _BY_HAND)
    if not recorded.matches(sha256):  # another job was faster, and got something else
        raise WrongContentError(f"{expected.name}: {_mismatch(recorded, sha256)}")


def require_content(expected: ExpectedFile, path: Path) -> None:
    """Refuse what is certainly not the file, see `vqathinker.content`.

    Raises:
        WrongContentError: the message says what it is, and names no path.
    """
    if expected.size == 0:
        return
    if expected.is_binary:
        found, wanted = document_in(path), "an archive and not a video"
    else:
        found, wanted = placeholder_in(path), "the file"
    if found is not None:
        raise WrongContentError(f"is {found.instead_of(wanted)}")


def verify(expected: ExpectedFile, path: Path) -> str:
    """SHA-256 of a file that is what was expected.

    Raises:
        WrongContentError: it is not; the message says in what way, and names no path.
    """
    require_content(expected, path)
    size = path.stat().st_size
    if expected.size not in (None, size):
        raise WrongContentError(f"has {size:,} bytes, expected {expected.size:,}")
    sha256 = sha256_of(path)
    checksum = expected.checksum
    if checksum is not None:
        digest = sha256 if checksum.algorithm == "sha256" else checksum.digest_of(path)
        if not checksum.matches(digest):
            raise WrongContentError(_mismatch(checksum, digest))
    return sha256


def _mismatch(expected: Checksum, digest: str) -> str:
    return (
        f"has {expected.algorithm} {digest}, expected {expected.digest} ({expected.source}): it is "
        "damaged, or its owner has changed it. When the page of the set says so, correct the card, "
        "or delete the row of the table"
    )
