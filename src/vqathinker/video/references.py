"""Whether an mp4 or QuickTime file says that its pictures lie elsewhere: in another file, or at an
address.

Such a file is a list of places, as a playlist is. libav leaves some of these places unopened and
takes the bytes of the file itself for the pictures of others; neither is the video.
Source: ISO/IEC 14496-12, 8.7.2 (data reference box); Apple's QuickTime File Format, `dref`.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

__all__ = ["refers_elsewhere"]

_PATH_TO_REFERENCES = (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref")
_HEADER = 8
_LARGE_HEADER = 16
_FLAGS = 4  # a version before them
_COUNT = 8  # version and flags of the list itself, and how many follow
_IN_THIS_FILE = 1
# An alias of the Macintosh that names something is at least this long (FFmpeg's mov.c).
_SHORTEST = {b"url ": 1, b"urn ": 1, b"alis": 150 - _HEADER - _FLAGS}
_LONGEST = 1 << 12  # of what is read of a place
_MOST_BOXES = 100_000  # a film of a thousand tracks has a tenth of it


class _Box(NamedTuple):
    kind: bytes
    start: int  # of its content
    end: int


def refers_elsewhere(path: Path) -> bool:
    """Whether a track of the file is said to lie in another file; False where it is no mp4.

    Only the headers of boxes are read. Raises OSError.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        budget = iter(range(_MOST_BOXES))
        return any(
            _is_elsewhere(file, reference)
            for listing in _descend(file, _Box(b"", 0, size), _PATH_TO_REFERENCES, budget)
            for reference in _boxes(file, listing.start + _COUNT, listing.end, budget)
        )


def _descend(
    file: BinaryIO, parent: _Box, kinds: tuple[bytes, ...], budget: Iterator[int]
) -> Iterator[_Box]:
    for box in _boxes(file, parent.start, parent.end, budget):
        if box.kind != kinds[0]:
            continue
        if len(kinds) == 1:
            yield box
        else:
            yield from _descend(file, box, kinds[1:], budget)


def _boxes(file: BinaryIO, start: int, end: int, budget: Iterator[int]) -> Iterator[_Box]:
    """Boxes one after the other, until one does not fit or the budget of them is spent."""
    while start + _HEADER <= end and next(budget, None) is not None:
        file.seek(start)
        header = file.read(_LARGE_HEADER)
        if len(header) < _HEADER:
            return
        size, kind = struct.unpack_from(">I4s", header)
        content = start + _HEADER
        if size == 1 and len(header) == _LARGE_HEADER:
            (size,) = struct.unpack_from(">Q", header, _HEADER)
            content = start + _LARGE_HEADER
        box_end = end if size == 0 else min(start + size, end)
        if box_end < content:
            return
        yield _Box(kind, content, box_end)
        start = box_end


def _is_elsewhere(file: BinaryIO, reference: _Box) -> bool:
    shortest = _SHORTEST.get(reference.kind)
    if shortest is None:
        return False
    file.seek(reference.start)
    content = file.read(min(reference.end - reference.start, _LONGEST))
    flags, place = content[:_FLAGS], content[_FLAGS:]
    return (
        len(flags) == _FLAGS
        and not flags[-1] & _IN_THIS_FILE
        and len(place) >= shortest
        and any(place)
    )
