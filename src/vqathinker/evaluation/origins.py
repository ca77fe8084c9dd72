"""What predictions and metrics say about where they come from, down to the label file.

Each file names what it was made from by path and sha256, so that a chain can be followed from a
number to its videos with nothing else at hand. Code is named by its hash, which is the same in
every checkout and copy; times and names of hosts are nowhere in it.
"""

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from vqathinker import __version__
from vqathinker.evaluation.completeness import promise_of
from vqathinker.hashing import code_digest, sha256_of_file

__all__ = ["named", "origin_of_metrics", "origin_of_policy", "versions_of"]

_SOURCE = Path(__file__).parents[2]
# Entries of a policy's record that its predictions repeat; its settings stay in its folder.
_OF_POLICY = ("run", "steps", "base", "data", "torch", "machine")


def origin_of_policy(folder: Path, record: Mapping[str, Any]) -> dict[str, Any]:
    """What predictions keep of a policy's record: enough to go on when its folder is gone.

    Returns:
        `folder` and, as far as they are known, `run`, `steps`, `base` (folder), `base_policy`
        (hash), `data` (manifest of its labels), `inputs` (hashes of what it was trained from),
        `seed`, `torch`, `machine`.
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
    module: str = "metrics",
) -> dict[str, Any]:  # fmt: skip
    """The provenance of metrics: that of the predictions, and what is new.

    Args:
        manifest: the file that the labels came from.
        predictions: the file that was compared with them.
        given: the provenance of the predictions.
        parameters: of the metrics.
        module: of this folder, which computes them.

    Returns:
        `given` with `manifest_sha256`, and `made_from`: `predictions` and `manifest` (path and
        sha256), `labels` (path and sha256) and `files_sha256` as the manifest says, else None;
        `parameters`, `code` and `versions` of what computed them.
    """
    told, found = promise_of(manifest), named(manifest)
    labels = told.get("labels")
    if labels is not None:
        path = (manifest.parent / "source" / labels["file"]).as_posix()
        labels = {"path": path, "sha256": labels["sha256"]}
    made = {
        "predictions": named(predictions),
        "manifest": found,
        "labels": labels,
        "files_sha256": told.get("files_sha256"),
        "parameters": dict(parameters),
        "code": code_digest(Path("evaluation", f"{module}.py"), _SOURCE),
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
