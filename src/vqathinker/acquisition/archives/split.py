"""A zip in pieces, X.z01, X.z02, …, X.zip: which there are, and where members lie in the whole.

Source: APPNOTE 6.3.10, sections 4.3.16, 4.4.11 and 8. Read here rather than joined by a program:
Zip 3.0 writes damaged archives when it joins members that lie in several pieces (seen with
`zip -s 0`), and the pieces stay where they are.
"""

import io
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from vqathinker.acquisition.archives.members import DamagedArchiveError

__all__ = ["EndRecord", "move_offsets", "pieces_of_zip", "read_end_record"]

_END = struct.Struct("<4s4H2LH")
_SIGNATURE = b"PK\x05\x06"
_LONGEST_COMMENT = 0xFFFF
_MOST_PIECES = 1000  # more are no zip, but other bytes; zip64 says 65,535


class EndRecord(NamedTuple):
    """What the end of a zip says of its pieces.

    Args:
        piece: number of the piece that it stands in, from 0; the last.
        contents_piece: number of the piece in which the table of contents begins.
    """

    piece: int
    contents_piece: int


def read_end_record(file: BinaryIO) -> EndRecord | None:
    """The end record of a zip; None where there is none, or where zip64 has another one."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - _END.size - _LONGEST_COMMENT))
    tail = file.read()
    at = tail.rfind(_SIGNATURE)
    if at < 0 or len(tail) < at + _END.size:
        return None
    _, piece, contents_piece, *_, comment = _END.unpack_from(tail, at)
    if piece >= _MOST_PIECES or contents_piece > piece or at + _END.size + comment > len(tail):
        return None
    return EndRecord(piece, contents_piece)


def pieces_of_zip(archive: Path) -> list[Path]:
    """All pieces of a zip whose last one is `archive`, in order; itself alone where it is whole.

    Raises:
        DamagedArchiveError: a piece is not beside it.
    """
    with archive.open("rb") as file:
        record = read_end_record(file)
    before = range(1, 1 + (record.piece if record else 0))
    pieces = [archive.with_suffix(f".z{number:02d}") for number in before]
    if missing := [piece.name for piece in pieces if not piece.is_file()]:
        raise DamagedArchiveError(
            f"{archive}: is the last of {len(pieces) + 1} pieces of a zip; put the others beside "
            f"it, {', '.join(missing[:3])}{', …' if len(missing) > 3 else ''}"
        )
    return [*pieces, archive]


def move_offsets(infos: Sequence[Any], record: EndRecord, starts: Sequence[int]) -> None:
    """Let members of a zip lie where they are in its pieces end to end.

    Args:
        infos: members as zipfile reads them, which takes all offsets for those of one piece.
        record: the end of the zip.
        starts: where each piece begins in the whole.
    """
    for info in infos:
        info.header_offset += starts[info.volume] - starts[record.contents_piece]
        if hasattr(info, "_end_offset"):
            info._end_offset = None  # of the wrong place; what unpacks counts its bytes itself
