"""What lies below a set's source folder, whether it is there or linked from another disk."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from vqathinker.acquisition.partial import is_unfinished

__all__ = ["SourceFolderError", "walk_files"]

_Identity = tuple[int, int]
_NO_FOLDERS: Mapping[_Identity, Path] = MappingProxyType({})


class SourceFolderError(RuntimeError):
    """A folder of a set that cannot be gone through; the message names it and says why."""


def walk_files(folder: Path) -> Iterator[Path]:
    """Every file below `folder`, links to files and to folders followed, in order.

    Whatever is no folder counts, a pipe and a link to nothing too, for each gets a reason later;
    files on their way, of downloads, do not. Nothing where there is no folder.

    Raises:
        SourceFolderError: a link leads back to a folder that it lies in, or a folder cannot be
            read.
    """
    if folder.is_dir():
        yield from _walk(folder, _NO_FOLDERS)


def _walk(folder: Path, above: Mapping[_Identity, Path]) -> Iterator[Path]:
    try:
        found = folder.stat()
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise SourceFolderError(f"{folder}: cannot be read ({error.strerror})") from None
    identity = found.st_dev, found.st_ino
    if identity in above:
        raise SourceFolderError(
            f"{folder}: this link leads back to {above[identity]}, in which it lies; remove it"
        )
    for entry in entries:
        path = folder / entry.name
        if path.is_dir():
            yield from _walk(path, {**above, identity: folder})
        elif not is_unfinished(entry.name):
            yield path
