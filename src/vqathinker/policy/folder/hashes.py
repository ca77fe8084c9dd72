"""The hash of a policy folder. Imports neither torch nor transformers."""

import hashlib
from pathlib import Path

PROVENANCE = "provenance.json"  # of a policy, with its hash
HASHED = (".safetensors", ".json")


def policy_hash(folder: Path) -> str:
    """sha256 over names and bytes of a folder's weights, configuration and tokenizer."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in HASHED and path.name != PROVENANCE:
            digest.update(path.name.encode() + b"\0")
            with path.open("rb") as file:
                while block := file.read(1 << 24):  # an 8B policy does not fit in memory twice
                    digest.update(block)
    return digest.hexdigest()
