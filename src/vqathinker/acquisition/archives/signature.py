"""Whether a file is an archive that can be unpacked here, by its first bytes (file(1) knows them).

Names tell nothing: files of Google Drive and of request forms come without a suffix. is_zipfile and
is_tarfile take an archive that is cut off for none, or raise.
"""

from pathlib import Path

from vqathinker.acquisition.archives.members import DamagedArchiveError

__all__ = ["is_archive"]

_READ_MAGICS = (b"PK", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")
_NOT_READ_MAGICS = {b"Rar!\x1a\x07": "RAR", b"7z\xbc\xaf\x27\x1c": "7z"}
_TAR_MAGIC, _TAR_MAGIC_OFFSET = b"ustar", 257


def is_archive(path: Path) -> bool:
    """Whether the file is a zip or a tar, compressed or not; a compressed file counts as a tar.

    Raises:
        DamagedArchiveError: it is an archive of a kind that is not read here.
    """
    with path.open("rb") as file:
        start = file.read(_TAR_MAGIC_OFFSET + len(_TAR_MAGIC))
    for magic, kind in _NOT_READ_MAGICS.items():
        if start.startswith(magic):
            raise DamagedArchiveError(
                f"{path}: is a {kind} archive, which is not read here: unpack it with another "
                "program, such as 7-Zip, below source/videos/ of the set, and move it away"
            )
    return start.startswith(_READ_MAGICS) or start[_TAR_MAGIC_OFFSET:] == _TAR_MAGIC
