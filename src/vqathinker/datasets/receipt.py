"""The receipt of a set: size and hash of every file in its source folder, and the downloads.

Later stages depend on it, and `vqathinker data check` compares the disk with it. Links are
followed.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

from vqathinker.acquisition.download import FROM_USER
from vqathinker.atomic import whole_file
from vqathinker.datasets.card import Card
from vqathinker.datasets.fetching.journal import FetchResult
from vqathinker.datasets.matching import walk_files
from vqathinker.errors import InputError, read_json
from vqathinker.hashing import sha256_of_file

_log = logging.getLogger(__name__)


def write_receipt(
    card: Card,
    source: Path,
    receipt: Path,
    result: FetchResult,
    ffmpeg: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Write the receipt of the set in the folder `source`.

    Args:
        result: of fetching; empty for a demo set.
        ffmpeg: version and origin of the program that encoded a demo set; None for other sets.

    Returns:
        The receipt: set; files (path relative to `source`, bytes, sha256), sorted by path; made_by;
        ffmpeg (demo sets only); downloads (name, origin without query, bytes, sha256, commit on the
        hub); gone (names of `may_vanish` files that no origin has).

    Raises:
        InputError: a file or folder cannot be read, or a link leads back to a folder above it.
    """
    made_by = FROM_USER if result.is_manual else "vqathinker.datasets.fetching"
    content: dict[str, Any] = {
        "set": card.name,
        "files": _file_entries(card, source),
        "made_by": "vqathinker.datasets.synthetic.demo" if card.is_synthetic else made_by,
        **({} if ffmpeg is None else {"ffmpeg": dict(ffmpeg)}),
        "downloads": [
            {
                "name": fetched.name,
                "origin": fetched.origin or FROM_USER,
                "bytes": fetched.size,
                "sha256": fetched.sha256,
                "revision": fetched.revision,
            }
            for fetched in result.fetched
        ],
        "gone": list(result.gone),
    }
    with whole_file(receipt) as part:
        part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return content


def read_receipt(path: Path) -> dict[str, Any]:
    """Read a receipt, see `write_receipt`.

    Raises:
        InputError: the file is missing or not a receipt.
    """
    expected, remedy = "a receipt", "recreate it with `vqathinker data fetch`"
    receipt = read_json(path, expected, remedy)
    files = receipt.get("files")
    if not isinstance(files, list) or not all({"path", "sha256", "bytes"} <= {*f} for f in files):
        raise InputError(f"{path}: is not {expected}, or is damaged: {remedy}")
    return receipt


def files_digest(receipt: Mapping[str, Any]) -> str:
    """SHA-256 over the paths and hashes of all files of a receipt."""
    listed = sorted((file["path"], file["sha256"]) for file in receipt["files"])
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()


def _file_entries(card: Card, source: Path) -> list[dict[str, Any]]:
    entries = []
    for path in tqdm(sorted(walk_files(source)), desc=f"hashing {card.name}", disable=None):
        if not path.is_file():
            _log.warning("%s: not a regular file; not listed in the receipt", path)
            continue
        try:
            size, sha256 = path.stat().st_size, sha256_of_file(path)
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from None
        name = path.relative_to(source).as_posix()
        entries.append({"path": name, "bytes": size, "sha256": sha256})
    return entries
