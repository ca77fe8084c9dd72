"""A benchmark is scored as a whole or, when the user says so, with what is missing named.

Source: docs/method.md, section 9: the released code skips missing files, which shrinks n without a
word, and correlations over fewer videos look like those over all.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from vqathinker.errors import reading
from vqathinker.products import MANIFEST

__all__ = ["ABSENT", "IncompleteBenchmarkError", "require_complete", "set_of"]

# Key of a manifest's metadata, JSON with set, expected and made; vqathinker.datasets.manifest.
_SET = b"set"

# Key of a result's provenance: sets without which it has no numbers, each with what brings it.
ABSENT = "absent"


class IncompleteBenchmarkError(ValueError):
    """A benchmark that lacks videos or labels; the message says how many and what to do."""


def set_of(manifest: Path) -> str | None:
    """Name of the set that a manifest lists; None where the file does not say.

    Raises:
        InputError: it is no manifest.
    """
    name: str | None = _promise(manifest).get("set")
    return name


def require_complete(manifest: Path, statuses: Iterable[str]) -> None:
    """Refuse a manifest with fewer rows than its card expects, or with a video missing.

    A damaged video is one that was published so, or that no decoder here reads: it is counted
    beside the scores and does not stop them. Sets made on the spot are what params.yaml made them.

    Args:
        manifest: the manifest's file; a file without the card's promise promises nothing.
        statuses: its column `status`.

    Raises:
        IncompleteBenchmarkError: it is not complete.
    """
    known = _promise(manifest)
    if known.get("made"):
        return
    rows = list(statuses)
    expected, missing = known.get("expected") or len(rows), rows.count("missing")
    if len(rows) == expected and not missing:
        return
    name = known.get("set", manifest.parent.name)
    raise IncompleteBenchmarkError(
        f"{manifest}: {len(rows)} rows, {missing} of them without a video, expected {expected} "
        f"with one each. `vqathinker data check {name}` names them; bring them with `vqathinker "
        f"data fetch {name}`, or set metrics.allow_incomplete: true in params.yaml, and every "
        "table says how many are missing"
    )


def _promise(manifest: Path) -> dict[str, Any]:
    with reading(manifest, *MANIFEST):
        known: dict[str, Any] = json.loads(
            (pq.read_schema(manifest).metadata or {}).get(_SET, b"{}")
        )
    return known
