"""The receipt of a set: every file in its source folder with bytes and hash, and what came whence.

It is what later stages depend on and what `vqathinker data check` compares the disk with. Files
behind links are files of the set: what they become counts, wherever they lie.
"""

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from vqathinker.atomic import whole_file
from vqathinker.datasets.card import Card
from vqathinker.datasets.fetching.card_files import FetchResult
from vqathinker.datasets.fetching.journal import FetchedFile
from vqathinker.datasets.source_files import SourceFolderError, walk_files
from vqathinker.hashing import sha256_of_file

__all__ = ["files_of_set", "write_receipt"]

_log = logging.getLogger(__name__)

_BY_HAND = "put in place by the user"


def write_receipt(
    card: Card,
    source: Path,
    receipt: Path,
    result: FetchResult,
    ffmpeg: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Describe every file of the set in the folder `source`, and what came.

    Args:
        card: of the set.
        source: its source folder.
        receipt: JSON file to write; no half file is ever left.
        result: what was fetched; empty for a set that was made.
        ffmpeg: version and origin of the program that made the set; None for other sets.

    Returns:
        The receipt: set; files (path relative to `source`, bytes, sha256), by path; made_by;
        ffmpeg, of a made set only; downloads (name, origin without query, bytes, sha256, revision
        of the hub); gone (names of files that may vanish at their origin and have).

    Raises:
        SourceFolderError: a file or folder cannot be read, or a link leads in circles.
    """
    paths = files_of_set(source)
    for folder in _linked_folders(paths, source):
        _log.warning(
            "%s: is a link to a folder; its files stand in the receipt, but DVC keeps none of them",
            folder,
        )
    console = Console(stderr=True)
    quiet = not console.is_terminal
    tracked = track(paths, f"hashing {card.name}", console=console, disable=quiet)
    content: dict[str, Any] = {
        "set": card.name,
        "files": _file_entries(tracked, source),
        "made_by": _made_by(card, result),
        **({} if ffmpeg is None else {"ffmpeg": dict(ffmpeg)}),
        "downloads": [_download_entry(fetched) for fetched in result.fetched],
        "gone": list(result.gone),
    }
    with whole_file(receipt) as part:
        part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return content


def files_of_set(source: Path) -> list[Path]:
    """Every regular file below the folder `source`, links followed, by its path there.

    Raises:
        SourceFolderError: a folder cannot be read, or a link leads in circles.
    """
    found = []
    for path in walk_files(source):
        if path.is_file():
            found.append(path)
        else:
            what = "a link to nothing" if path.is_symlink() else "no file"
            _log.warning("%s: is %s, and left out of the receipt", path, what)
    return sorted(found)


def _linked_folders(paths: Sequence[Path], source: Path) -> list[Path]:
    """Links to folders through which files of the set are reached."""
    folders = {folder for path in paths for folder in path.parents}
    return sorted(
        folder for folder in folders if folder.is_relative_to(source) and folder.is_symlink()
    )


def _made_by(card: Card, result: FetchResult) -> str:
    if card.made:
        return "vqathinker.datasets.made.demo"
    return _BY_HAND if result.by_hand else "vqathinker.datasets.fetching"


def _download_entry(fetched: FetchedFile) -> dict[str, Any]:
    return {
        "name": fetched.name,
        "origin": fetched.origin or _BY_HAND,
        "bytes": fetched.size,
        "sha256": fetched.sha256,
        "revision": fetched.revision,
    }


def _file_entries(paths: Iterable[Path], source: Path) -> list[dict[str, Any]]:
    entries = []
    for path in paths:
        try:
            size, sha256 = path.stat().st_size, sha256_of_file(path)
        except OSError as error:
            raise SourceFolderError(
                f"{path}: cannot be read ({error.strerror}); run the same command again when "
                "nothing changes the folder any more"
            ) from None
        entries.append(
            {"path": path.relative_to(source).as_posix(), "bytes": size, "sha256": sha256}
        )
    return entries
