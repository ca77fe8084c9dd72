"""Whether a file is an archive that can be unpacked here, by its first bytes (file(1) knows them).

Names tell nothing: files of Google Drive and of request forms come without a suffix. is_zipfile and
is_tarfile take an archive that is cut off for none, or raise. A piece of a split archive is told by
its name alone, for all but the first begin with any bytes.
"""

import re
from pathlib import Path
from shlex import quote

from vqathinker.acquisition.archives.members import DamagedArchiveError
from vqathinker.acquisition.archives.split import read_end_record

__all__ = ["is_archive"]

_READ_MAGICS = (b"PK", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")
_NOT_READ_MAGICS = {
    b"Rar!\x1a\x07": "a RAR archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\x28\xb5\x2f\xfd": "packed with zstd",
    b"\x04\x22\x4d\x18": "packed with lz4",
    b"LZIP": "packed with lzip",
    b"\x1f\x9d": "packed with compress",
    b"]\0\0\x80\0": "packed with lzma",
    b"MSCF": "a cabinet of Windows",
    b"xar!": "a xar archive",
    b"!<arch>\n": "an ar archive",
    b"hsqs": "an image of SquashFS",
    b"StuffIt (c)": "a StuffIt archive",
}
_TAR_MAGIC, _TAR_MAGIC_OFFSET = b"ustar", 257
_PIECE_OF_ZIP = re.compile(r"(.+)\.z\d\d+", re.IGNORECASE)
# As 7-Zip numbers them, as split(1) letters them (aa, ab; not gz), or as people call them.
_NUMBERED_PIECE = re.compile(
    r"(.+\.(?:zip|7z|rar|tar|tgz|t?[gbx]z2?))\.(?:\d{2,4}|a[a-z]|part[-_]?(?:\d{1,3}|a[a-z]))",
    re.IGNORECASE,
)


def is_archive(path: Path) -> bool:
    """Whether the file is a zip or a tar, compressed or not; a compressed file counts as a tar.

    The last piece of a zip stands for the whole.

    Raises:
        DamagedArchiveError: it is an archive of a kind that is not read here, or a piece of one
            whose name does not stand for the whole.
    """
    with path.open("rb") as file:
        start = file.read(_TAR_MAGIC_OFFSET + len(_TAR_MAGIC))
        record = read_end_record(file)
    _require_readable(path, start)
    by_magic = start.startswith(_READ_MAGICS) or start[_TAR_MAGIC_OFFSET:] == _TAR_MAGIC
    return by_magic or (record is not None and record.piece > 0)


def _require_readable(path: Path, start: bytes) -> None:
    for magic, kind in _NOT_READ_MAGICS.items():
        if start.startswith(magic):
            raise DamagedArchiveError(
                f"{path}: is {kind}, which is not read here: unpack it with another "
                "program, such as 7-Zip, below source/videos/ of the set, and move it away"
            )
    if numbered := _NUMBERED_PIECE.fullmatch(path.name):
        whole = quote(str(path.with_name(numbered[1])))
        raise DamagedArchiveError(
            f"{path}: is a piece of a split archive: join all of them, `cat {whole}.* > {whole}`, "
            "and move the pieces away"
        )
    if piece := _PIECE_OF_ZIP.fullmatch(path.name):
        raise DamagedArchiveError(
            f"{path}: is a piece of a zip; put {piece[1]}.zip beside it, and all other pieces"
        )
