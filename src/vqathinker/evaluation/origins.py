"""Provenance of predictions and metrics, from the policy down to the label file.

Each file names its inputs by path and SHA-256, so that a number can be traced to its videos. Code
is recorded by its hash, which is the same in every checkout; times and host names are not recorded.

A manifest also says how many rows its card expects. A benchmark is scored only if it is complete,
unless the user allows gaps, which every table then counts. Source: docs/method.md, section 9: the
released code skips missing files silently, which shrinks n.
"""

import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from vqathinker import __version__
from vqathinker.errors import reading
from vqathinker.hashing import code_digest, sha256_of_file
from vqathinker.products import MANIFEST

# Entries of a policy's record that its predictions repeat; its settings stay in its folder.
_OF_POLICY = ("run", "steps", "base", "data", "torch", "machine")
# Key of a manifest's metadata; vqathinker.datasets.manifest says what it holds.
_SET = b"set"
# Key of a result's provenance: sets without which it has no numbers, each with what brings it.
ABSENT = "absent"


def origin_of_policy(folder: Path, record: Mapping[str, Any]) -> dict[str, Any]:
    """What predictions keep of a policy's record, in case its folder is deleted.

    It has `folder` and, if known, `run`, `steps`, `base` (folder), `base_policy` (hash), `data`
    (manifest of its labels), `inputs` (hashes of what it was trained from), `seed`, `torch`,
    `machine`.
    """
    known = {key: record[key] for key in _OF_POLICY if key in record}
    if base := record.get("base_policy"):
        known["base_policy"] = base.get("policy")
    if "inputs" in record:
        known["inputs"] = dict(record["inputs"])
    if "seed" in record.get("settings", {}):
        known["seed"] = record["settings"]["seed"]
    return {"folder": folder.as_posix(), **known}


def origin_of_metrics(
    manifest: Path, predictions: Path, given: Mapping[str, Any], parameters: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """The provenance of metrics: that of the predictions, `given`, and what is new.

    New are `manifest_sha256`, and `made_from`: `predictions` and `manifest` (path and sha256),
    `labels` (path and sha256) and `files_sha256` as the manifest records them, else None;
    `parameters`, and the `code` and `versions` that computed them.
    """
    promise, found = promise_of(manifest), named(manifest)
    if (labels := promise.get("labels")) is not None:
        path = (manifest.parent / "source" / labels["file"]).as_posix()
        labels = {"path": path, "sha256": labels["sha256"]}
    made = {
        "predictions": named(predictions),
        "manifest": found,
        "labels": labels,
        "files_sha256": promise.get("files_sha256"),
        "parameters": dict(parameters),
        "code": code_digest(),
        "versions": versions_of("numpy", "pandas", "pyarrow", "scipy"),
    }
    return {**given, "manifest_sha256": found["sha256"], "made_from": made}


def named(path: Path) -> dict[str, str]:
    """A file by `path`, as it was given, and `sha256`."""
    return {"path": path.as_posix(), "sha256": sha256_of_file(path)}


def versions_of(*packages: str) -> dict[str, str]:
    """Versions of Python, of this package, and of installed packages by name."""
    own: Sequence[tuple[str, str]] = [(name, version(name)) for name in packages]
    return {"python": platform.python_version(), "vqathinker": __version__, **dict(own)}


class IncompleteBenchmarkError(ValueError):
    """A benchmark that lacks videos or labels; the message says how many and what to do."""


def set_of(manifest: Path) -> str | None:
    """Name of the set that a manifest lists; None if the file does not say."""
    name: str | None = promise_of(manifest).get("set")
    return name


def require_complete(manifest: Path, statuses: Iterable[str]) -> None:
    """Refuse a manifest with fewer rows than its card expects, or with a video missing.

    `statuses` is the column of that name. Damaged videos are counted in the tables and do not stop
    the scores. Made sets are complete, whatever params.yaml asks for.

    Raises:
        IncompleteBenchmarkError: it is not complete.
    """
    known = promise_of(manifest)
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


def promise_of(manifest: Path) -> dict[str, Any]:
    """What a manifest says of itself, see `datasets.manifest.write_manifest`; may be empty.

    Raises:
        InputError: it is not a manifest.
    """
    with reading(manifest, *MANIFEST):
        known: dict[str, Any] = json.loads(
            (pq.read_schema(manifest).metadata or {}).get(_SET, b"{}")
        )
    return known
