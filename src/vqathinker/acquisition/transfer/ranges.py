"""What a server says of the bytes it sends: which part of the file, how many, of which version.

Source: RFC 9110, sections 8.8 (validators) and 14 (ranges).
"""

import re

import httpx2

from vqathinker.acquisition.transfer.errors import OriginError, TransientError
from vqathinker.acquisition.transfer.partial import PartialFile

__all__ = ["accept_continuation", "announced_size", "complete_length", "validator_of"]


def accept_continuation(response: httpx2.Response, part: PartialFile) -> bool:
    """Whether the body goes on behind the bytes that are there; if not, it is the whole file.

    Raises:
        TransientError: it is of another place, or of another file; what is there is thrown away.
    """
    if response.status_code != 206:
        return False
    stated = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", _content_range(response))
    total = part.total if stated is None or stated[3] == "*" else int(stated[3])
    if stated is None or int(stated[1]) != part.size or part.total not in (None, total):
        part.discard()
        raise TransientError("sent another part of the file, or of another file, than asked for")
    part.total = total
    return True


def complete_length(response: httpx2.Response) -> int | None:
    """Bytes of the whole file, from a 416: a range that lies behind its end; None if untold."""
    stated = re.fullmatch(r"bytes \*/(\d+)", _content_range(response))
    return None if stated is None else int(stated[1])


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
    expected = part.expected
    if length is None:
        ends = response.headers.get("Transfer-Encoding", "").lower() == "chunked"
        if not ends and expected.size is None and expected.checksum is None:
            raise OriginError("says neither how long the file is nor where it ends")
        return expected.size
    if expected.size is not None and int(length) != expected.size:
        raise OriginError(f"has {int(length):,} bytes, expected {expected.size:,}")
    return int(length)


def _content_range(response: httpx2.Response) -> str:
    return str(response.headers.get("Content-Range", "")).strip()
