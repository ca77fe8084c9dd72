"""Provenance of predictions and metrics, from the policy down to the label file.

Each file names its inputs by path and SHA-256, so that a number can be traced to its videos. Code
is recorded by its hash, which is the same in every checkout. Times and host names are not recorded.

A manifest states how many rows its card expects. Only complete benchmarks are scored, unless the
user allows gaps, which every table then counts. Source: docs/method.md, section 9: the released
code skips missing files silently, which reduces n.
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

# Entries of a policy's provenance that are copied to its predictions.
_OF_POLICY = ("run", "steps", "base", "data", "torch", "machine")
# Key of a manifest's metadata, see vqathinker.datasets.manifest.
_SET = b"set"
# Key of the provenance of metrics: each missing set with the reason and the command to get it.
MISSING_SETS = "missing_sets"
# Key of the provenance of predictions on the training set: the videos that were not trained on.
HELD_OUT = "held_out"


def policy_origin(folder: Path, record: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a policy's provenance that predictions keep, in case its folder is deleted.

    It has `folder` and, if known, `run`, `steps`, `base` (folder), `base_policy` (hash), `data`
    (manifest of its labels), `inputs` (hashes of its training inputs), `seed`, `torch` and
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


def metrics_provenance(
    manifest: Path, predictions: Path, given: Mapping[str, Any], parameters: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """The provenance of metrics: that of the predictions, `given`, with two new keys.

    These are `manifest_sha256`, and `made_from`: `predictions` and `manifest` (path and sha256),
    `labels` (path and sha256) and `files_sha256` as recorded in the manifest or None, `parameters`,
    and the `code` and `versions` that computed the metrics.
    """
    metadata, found = manifest_metadata(manifest), file_record(manifest)
    if (labels := metadata.get("labels")) is not None:
        path = (manifest.parent / "source" / labels["file"]).as_posix()
        labels = {"path": path, "sha256": labels["sha256"]}
    made = {
        "predictions": file_record(predictions),
        "manifest": found,
        "labels": labels,
        "files_sha256": metadata.get("files_sha256"),
        "parameters": dict(parameters),
        "code": code_digest(),
        "versions": package_versions("numpy", "pandas", "pyarrow", "scipy"),
    }
    return {**given, "manifest_sha256": found["sha256"], "made_from": made}


def file_record(path: Path) -> dict[str, str]:
    """Path, as given, and SHA-256 of a file."""
    return {"path": path.as_posix(), "sha256": sha256_of_file(path)}


def package_versions(*packages: str) -> dict[str, str]:
    """Versions of Python, of this package, and of the named packages."""
    own: Sequence[tuple[str, str]] = [(name, version(name)) for name in packages]
    return {"python": platform.python_version(), "vqathinker": __version__, **dict(own)}


class IncompleteBenchmarkError(ValueError):
    """A benchmark lacks videos or labels."""


def set_name(manifest: Path) -> str | None:
    """The set that a manifest lists; None if it does not say."""
    name: str | None = manifest_metadata(manifest).get("set")
    return name


def require_complete(manifest: Path, statuses: Iterable[str]) -> None:
    """Refuse a manifest with fewer rows than its card expects, or with missing videos.

    `statuses` is the manifest's column. Damaged videos are counted in the tables and are allowed.
    Generated sets are always complete, whatever size params.yaml sets.

    Raises:
        IncompleteBenchmarkError: it is not complete.
    """
    known = manifest_metadata(manifest)
    if known.get("made"):
        return
    rows = list(statuses)
    expected, missing = known.get("expected") or len(rows), rows.count("missing")
    if len(rows) == expected and not missing:
        return
    name = known.get("set", manifest.parent.name)
    raise IncompleteBenchmarkError(
        f"{manifest}: {len(rows)} rows, {missing} of them without a video; expected {expected} "
        f"rows with a video each. `vqathinker data check {name}` lists them. Run `vqathinker data "
        f"fetch {name}`, or set metrics.allow_incomplete: true in params.yaml: the tables then "
        "count the missing videos"
    )


def manifest_metadata(manifest: Path) -> dict[str, Any]:
    """Metadata of a manifest, see `datasets.manifest.write_manifest`; may be empty.

    Raises:
        InputError: the file is not a manifest.
    """
    with reading(manifest, *MANIFEST):
        known: dict[str, Any] = json.loads(
            (pq.read_schema(manifest).metadata or {}).get(_SET, b"{}")
        )
    return known
