"""What a server says of the bytes it sends: which part of the file, how many, of which version.

Source: RFC 9110, sections 8.8 (validators) and 14 (ranges).
"""

import re

import httpx2

from vqathinker.acquisition.transfer.failure import OriginError, PassingError
from vqathinker.acquisition.transfer.partial import PartialFile

__all__ = ["announced_size", "complete_length", "continues", "validator_of"]


def continues(response: httpx2.Response, part: PartialFile) -> bool:
    """Whether the body goes on behind the bytes that are there; if not, it is the whole file."""
    if response.status_code != 206:
        return False
    found = re.fullmatch(
        r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("Content-Range", "").strip()
    )
    total = part.total if found is None or found[3] == "*" else int(found[3])
    if found is None or int(found[1]) != part.size or part.total not in (None, total):
        part.discard()
        raise PassingError("sent another part of the file, or of another file, than asked for")
    part.total = total
    return True


def complete_length(response: httpx2.Response) -> int | None:
    """Bytes of the whole file, from a 416: a range that lies behind its end; None if untold."""
    found = re.fullmatch(r"bytes \*/(\d+)", response.headers.get("Content-Range", "").strip())
    return None if found is None else int(found[1])


def validator_of(response: httpx2.Response) -> str | None:
    """What names this version of the file to the byte, as If-Range takes it."""
    tag = response.headers.get("ETag", "")
    if tag and not tag.startswith("W/"):
        return str(tag)
    modified = response.headers.get("Last-Modified")
    return None if modified is None else str(modified)


def announced_size(response: httpx2.Response, part: PartialFile) -> int | None:
    """Bytes of the whole file, from an answer that begins with its first; None if untold.

    Raises:
        OriginError: it is another number than expected, or nothing would tell where the file ends.
    """
    length = response.headers.get("Content-Length")
    wanted = part.wanted
    if length is None:
        ends = response.headers.get("Transfer-Encoding", "").lower() == "chunked"
        if not ends and wanted.size is None and wanted.checksum is None:
            raise OriginError("says neither how long the file is nor where it ends")
        return wanted.size
    if wanted.size is not None and int(length) != wanted.size:
        raise OriginError(f"has {int(length):,} bytes, expected {wanted.size:,}")
    return int(length)
