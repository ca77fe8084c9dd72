"""The receipt of a set: every file in its source folder with bytes and hash, and what came whence.

It is what later stages depend on and what `vqathinker data check` compares the disk with.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from vqathinker.acquisition.transfer.checksum import sha256_of
from vqathinker.atomic import whole_file
from vqathinker.datasets.card import Card
from vqathinker.datasets.fetching.card_files import FetchResult
from vqathinker.datasets.fetching.journal import FetchedFile

__all__ = ["write_receipt"]

_BY_HAND = "put in place by the user"


def write_receipt(card: Card, source: Path, receipt: Path, result: FetchResult) -> dict[str, Any]:
    """Describe every file of the set in the folder `source`, and what came.

    Args:
        card: of the set.
        source: its source folder.
        receipt: JSON file to write; no half file is ever left.
        result: what was fetched; empty for a set that was made.

    Returns:
        The receipt: set; files (path relative to `source`, bytes, sha256), by path; made_by;
        downloads (name, origin without query, bytes, sha256, revision of the hub); gone (names of
        files that may vanish at their origin and have).
    """
    paths = sorted(path for path in source.rglob("*") if path.is_file())
    console = Console(stderr=True)
    quiet = not console.is_terminal
    tracked = track(paths, f"hashing {card.name}", console=console, disable=quiet)
    content: dict[str, Any] = {
        "set": card.name,
        "files": _file_entries(tracked, source),
        "made_by": _made_by(card, result),
        "downloads": [_download_entry(fetched) for fetched in result.fetched],
        "gone": list(result.gone),
    }
    with whole_file(receipt) as part:
        part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return content


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
    return [
        {
            "path": path.relative_to(source).as_posix(),
            "bytes": path.stat().st_size,
            "sha256": sha256_of(path),
        }
        for path in paths
    ]
