"""From a source of a table down to its label file and videos: what is recorded, and what is there.

Hashes are computed anew from the disk, so a chain takes as long as its videos take to read.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from vqathinker.datasets.manifest_origin import files_digest, read_receipt
from vqathinker.hashing import sha256_of_file
from vqathinker.parquet import read_columns
from vqathinker.policy.folder.hashes import policy_hash
from vqathinker.products import MANIFEST
from vqathinker.reporting.provenance import TableProvenance, locate

__all__ = ["Link", "Video", "find_root", "follow", "state_of", "videos_of"]

OK, DIFFERS, GONE, UNKNOWN = "ok", "DIFFERS", "gone", "not recorded"


class Link(NamedTuple):
    """One file or folder of a chain.

    Args:
        kind: "metrics", "predictions", "policy", "clips", "manifest", "receipt" or "labels".
        path: as recorded, from the project's root; None of what is no file.
        sha256: as recorded; of a policy, `policy_hash`.
        state: "ok", "DIFFERS", "gone", or "not recorded"; empty of what is no file.
        facts: what else is known.
    """

    kind: str
    path: str | None
    sha256: str | None
    state: str
    facts: dict[str, Any]


class Video(NamedTuple):
    """A video of a set: id, file, hash by the receipt, and state; `note` is the manifest's."""

    video: str
    path: str
    sha256: str | None
    state: str
    note: str


def find_root(results: Path, recorded: Iterable[str | Path]) -> Path:
    """The folder that recorded paths start from: the present one, or one above the results.

    Args:
        results: a results folder.
        recorded: some of the paths.
    """
    listed, above = list(recorded), [Path(), *results.resolve().parents]
    return next((root for root in above if any((root / path).exists() for path in listed)), Path())


def state_of(path: Path, sha256: str | None) -> str:
    """Whether a file, or a policy's folder, is what it was: see `Link.state`."""
    if not path.exists():
        return GONE
    if sha256 is None:
        return UNKNOWN
    found = policy_hash(path) if path.is_dir() else sha256_of_file(path)
    return OK if found == sha256 else DIFFERS


def follow(provenance: TableProvenance, name: str, root: Path) -> Iterator[Link]:
    """Every link of the chain from one source of a table to its labels, videos left out.

    Args:
        provenance: of the table.
        name: of one of its sources.
        root: see `find_root`.
    """
    content = provenance.content
    source = content["sources"][name]
    run = {key: source[key] for key in ("run", "benchmark") if key in source}
    kind = "metrics" if "predictions" in source else "file"
    yield _link(kind, name, source["sha256"], root, run)
    for key, made in source.items():
        if isinstance(made, Mapping) and {"path", "sha256"} <= set(made):
            yield _with_rows(_link(key, made["path"], made["sha256"], root, {}), root)
    conditions = content["conditions"].get(source.get("conditions"), {})
    if "policy" in source:
        yield from _of_policy(source["policy"], content["policies"][source["policy"]], root)
    if conditions:
        yield Link("asked", None, None, "", {k: v for k, v in conditions.items() if k != "setting"})
    if "setting" in conditions:
        shards = {"setting": conditions["setting"], "sha256": source.get("clips", [])}
        yield Link("clips", None, None, "", shards)
    if "manifest" in source:
        yield from _of_manifest(source["manifest"], content["manifests"][source["manifest"]], root)


def _with_rows(link: Link, root: Path) -> Link:
    path = root / str(link.path)
    if path.suffix != ".parquet" or link.state != OK:
        return link
    return link._replace(facts={**link.facts, "rows": pq.read_metadata(path).num_rows})


def _of_policy(sha256: str, origin: Mapping[str, Any], root: Path) -> Iterator[Link]:
    facts = {key: value for key, value in origin.items() if key != "folder"}
    folder = origin.get("folder")
    if folder is None:
        yield Link("policy", None, sha256, UNKNOWN, facts)
        return
    yield _link("policy", folder, sha256, root, facts)
    history = Path(folder).parent / "history.csv"
    if "run" in origin and (root / history).is_file():
        yield Link("history", history.as_posix(), None, UNKNOWN, {})


def _of_manifest(sha256: str, origin: Mapping[str, Any], root: Path) -> Iterator[Link]:
    path = Path(origin["path"])
    yield _with_rows(_link("manifest", path.as_posix(), sha256, root, {}), root)
    receipt, recorded = path.with_name("source.json"), origin.get("files_sha256")
    came: dict[str, Any] = {}
    if recorded is not None:
        state = GONE
        if (root / receipt).is_file():
            content = read_receipt(root / receipt)
            state = OK if files_digest(content) == recorded else DIFFERS
            came = _origin_of_files(content)
        yield Link("receipt", receipt.as_posix(), recorded, state, {})
    if labels := origin.get("labels"):
        yield _link("labels", labels["path"], labels["sha256"], root, came)


def _origin_of_files(receipt: Mapping[str, Any]) -> dict[str, Any]:
    downloads = [
        f"{item['origin']}" + (f" at {item['revision']}" if item.get("revision") else "")
        for item in receipt.get("downloads", [])
    ]
    facts = {"brought by": receipt.get("made_by"), "from": downloads}
    if ffmpeg := receipt.get("ffmpeg"):
        facts["ffmpeg"] = f"{ffmpeg['version']} from {ffmpeg['from']}"
    return facts


def _link(kind: str, path: str, sha256: str | None, root: Path, facts: dict[str, Any]) -> Link:
    return Link(kind, path, sha256, state_of(locate(path, root), sha256), facts)


def videos_of(manifest: Path) -> Iterator[Video]:
    """Every video that a manifest lists, compared with the receipt of the set whose file it is.

    Raises:
        InputError: the manifest or a receipt cannot be read.
    """
    rows = read_columns(manifest, ["video", "file", "status", "reason"], MANIFEST)
    sets = Path(os.path.normpath(manifest.parent.parent))
    receipts: dict[Path, dict[str, str]] = {}
    for video, file, status, reason in rows.itertuples(index=False):
        path = Path(os.path.normpath(manifest.parent / "source" / file))
        owner = sets / path.relative_to(sets).parts[0]
        if owner not in receipts:
            receipts[owner] = _receipt_hashes(owner / "source.json")
        sha256 = receipts[owner].get(path.relative_to(owner / "source").as_posix())
        note = "" if status == "ok" else f"{status}: {reason}"
        yield Video(video, path.as_posix(), sha256, state_of(path, sha256), note)


def _receipt_hashes(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    return {file["path"]: file["sha256"] for file in read_receipt(path)["files"]}
