"""Hashes of a policy folder; imports neither torch nor transformers."""

import hashlib
from pathlib import Path

from vqathinker.hashing import sha256_of_file

PROVENANCE = "provenance.json"  # the record of a policy's origin, which holds its hash
_HASHED = (".safetensors", ".json")


def policy_hash(folder: Path) -> str:
    """sha256 over names and bytes of a folder's weights, configuration and tokenizer."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in _HASHED and path.name != PROVENANCE:
            digest.update(path.name.encode() + b"\0")
            with path.open("rb") as file:
                while block := file.read(1 << 24):  # an 8B policy does not fit in memory twice
                    digest.update(block)
    return digest.hexdigest()


def file_hashes(folder: Path) -> dict[str, str]:
    """sha256 of each file of weights, configuration or tokenizer in a folder, by its name."""
    return {
        path.name: sha256_of_file(path)
        for path in sorted(folder.iterdir())
        if path.suffix in _HASHED and path.name != PROVENANCE
    }
