"""What a manifest was made of: the hash of its label file, and one over all files of its set."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vqathinker.datasets.card import Card
from vqathinker.datasets.label_origin import label_origin
from vqathinker.errors import InputError, read_json
from vqathinker.hashing import sha256_of_file

__all__ = ["files_digest", "origin_of_manifest", "read_receipt"]


def origin_of_manifest(source: Path, card: Card, cards: Path | None) -> dict[str, Any]:
    """Label file and files of a set, as they are now in its folder `source`.

    Returns:
        `labels`: `file` (a path from `source`) and `sha256`; `label_origin`: see there;
        `files_sha256`: over path and hash of every file that the receipt beside `source` lists,
        None where there is no receipt.

    Raises:
        InputError: the receipt is none.
    """
    receipt = source.with_name(f"{source.name}.json")
    digest = None
    if receipt.is_file():
        digest = files_digest(read_receipt(receipt))
    labels = {"file": card.label.file, "sha256": sha256_of_file(source / card.label.file)}
    origin = label_origin(card.name, cards)
    return {"labels": labels, "label_origin": origin, "files_sha256": digest}


def files_digest(receipt: Mapping[str, Any]) -> str:
    """sha256 over path and hash of every file of a receipt, however they came."""
    listed = sorted((file["path"], file["sha256"]) for file in receipt["files"])
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()


def read_receipt(path: Path) -> dict[str, Any]:
    """A set's receipt, `datasets.receipt.write_receipt`.

    Raises:
        InputError: it is not there, or none.
    """
    expected, remedy = "a receipt", "write it again with `vqathinker data fetch`"
    receipt = read_json(path, expected, remedy)
    files = receipt.get("files")
    if not isinstance(files, list) or not all({"path", "sha256", "bytes"} <= {*f} for f in files):
        raise InputError(f"{path}: is not {expected}, or is damaged: {remedy}")
    return receipt
