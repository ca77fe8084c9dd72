"""Where one number of a table comes from: the chain from its cell down to label file and videos.

Hashes are computed again from the disk, so a chain takes as long as reading its videos.
"""

import csv
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from vqathinker.datasets.receipt import files_digest, read_receipt
from vqathinker.errors import InputError, read_json, reading
from vqathinker.hashing import sha256_of_file
from vqathinker.parquet import read_columns
from vqathinker.phases.words import nearest
from vqathinker.policy.folder.hashes import policy_hash
from vqathinker.products import MANIFEST, TABLE
from vqathinker.reporting.provenance import (
    Link,
    TableProvenance,
    find_root,
    locate,
    provenances_of,
    row_name,
)

OK, DIFFERS, GONE, UNKNOWN = "ok", "DIFFERS", "gone", "not recorded"
_LISTED = 20  # rows that a wrong name is answered with


class Video(NamedTuple):
    """A video of a set: id, file, hash by the receipt, and state; `note` is the manifest's."""

    video: str
    path: str
    sha256: str | None
    state: str
    note: str


class Chain(NamedTuple):
    """From one source to its videos; `says` is the value in the source itself under that column."""

    source: str
    says: Any
    links: list[Link]
    videos: list[Video]


class Explanation(NamedTuple):
    """A cell of a table, as its CSV has it, and a chain for each of its sources.

    `told` is the source that the table names, if any.
    """

    table: Path
    row: str
    column: str
    value: str
    told: str
    chains: list[Chain]


def explain(results: Path, table: str, row: str, column: str) -> Explanation:
    """Follow one number; everything on the way is compared with its recorded hash.

    Args:
        results: a results folder, such as results/demo.
        table: name of one of its tables, such as scoring.
        row: values of the columns that name a row, joined by a stroke: grpo/demo_content.
        column: one of the table's columns, such as srcc.

    Raises:
        InputError: there is no such table, row or column; the message names those that there are.
    """
    provenance = _among(table.removesuffix(".csv"), provenances_of(results), "table")
    with reading(provenance.table, *TABLE):
        with provenance.table.open(encoding="utf-8", newline="") as file:
            lines = csv.DictReader(file)
            cells = {row_name(line, provenance.content["key"]): line for line in lines}
        columns = {name: name for name in lines.fieldnames or ()}
    values = _among(row, cells, f"row of {provenance.table}")
    value = values[_among(column, columns, f"column of {provenance.table}")]
    root = find_root(results, provenance.content["sources"])
    chains = []
    for name in provenance.rows.get(row, []):
        links = list(_follow(provenance, name, root))
        manifests = [root / link.path for link in links if link.kind == "manifest" and link.path]
        videos = [video for path in manifests if path.is_file() for video in _videos_of(path)]
        chains.append(Chain(name, _said(root / name, column), links, videos))
    return Explanation(provenance.table, row, column, value, values.get("source", ""), chains)


def _said(path: Path, column: str) -> Any:
    if path.suffix != ".json" or not path.is_file():
        return None
    said = read_json(path, "the source of a table", "write it again").get(column)
    return None if isinstance(said, dict | list) else said


def state_of(path: Path, sha256: str | None) -> str:
    """Whether a file, or a policy's folder, is what it was: see `provenance.Link`."""
    if not path.exists():
        return GONE
    if sha256 is None:
        return UNKNOWN
    found = policy_hash(path) if path.is_dir() else sha256_of_file(path)
    return OK if found == sha256 else DIFFERS


def _among(word: str, known: dict[str, Any], what: str) -> Any:
    if word in known:
        return known[word]
    names = list(known)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    listed = ", ".join(names[:_LISTED])
    raise InputError(f"{word!r} is no {what}; expected one of {listed}{more}{nearest(word, names)}")


def _follow(provenance: TableProvenance, name: str, root: Path) -> Iterator[Link]:
    """Every link from one source of a table down to its labels, compared with the disk."""
    receipt: dict[str, Any] = {}
    for link in provenance.links(name):
        if link.path is None:
            yield link._replace(state=UNKNOWN if link.kind == "policy" else "")
            continue
        here, facts = locate(link.path, root), dict(link.facts)
        if link.kind == "receipt" and here.is_file():
            receipt = read_receipt(here)
            state = OK if files_digest(receipt) == link.sha256 else DIFFERS
        else:
            state = state_of(here, link.sha256)
        if here.suffix == ".parquet" and state == OK:
            facts["rows"] = pq.read_metadata(here).num_rows
        elif link.kind == "labels" and receipt:
            facts |= _origin_of_files(receipt)
        if link.kind != "history" or state != GONE:
            yield link._replace(state=state, facts=facts)


def _origin_of_files(receipt: Mapping[str, Any]) -> dict[str, Any]:
    downloads = [
        f"{item['origin']}" + (f" at {item['revision']}" if item.get("revision") else "")
        for item in receipt.get("downloads", [])
    ]
    facts = {"brought by": receipt.get("made_by"), "from": downloads}
    if ffmpeg := receipt.get("ffmpeg"):
        facts["ffmpeg"] = f"{ffmpeg['version']} from {ffmpeg['from']}"
    return facts


def _videos_of(manifest: Path) -> Iterator[Video]:
    """Every video that a manifest lists, compared with the receipt of the set whose file it is."""
    rows = read_columns(manifest, ["video", "file", "status", "reason"], MANIFEST)
    sets = Path(os.path.normpath(manifest.parent.parent))
    receipts: dict[Path, dict[str, str]] = {}
    for video, file, status, reason in rows.itertuples(index=False):
        path = Path(os.path.normpath(manifest.parent / "source" / file))
        owner = sets / path.relative_to(sets).parts[0]
        if owner not in receipts:
            receipt = owner / "source.json"
            files = read_receipt(receipt)["files"] if receipt.is_file() else []
            receipts[owner] = {file["path"]: file["sha256"] for file in files}
        sha256 = receipts[owner].get(path.relative_to(owner / "source").as_posix())
        note = "" if status == "ok" else f"{status}: {reason}"
        yield Video(video, path.as_posix(), sha256, state_of(path, sha256), note)


def as_text(explanation: Explanation) -> str:
    """The explanation for a terminal."""
    table, row, column, value, told, chains = explanation
    lines = [f"{table}: {row}, {column}: {value or 'empty'}"]
    lines += [f"  as told by {told}"] if told else []
    lines += [] if chains else ["  of no file"]
    for chain in chains:
        lines += ["", *_chain_lines(chain, column)]
    return "\n".join(lines)


def _chain_lines(chain: Chain, column: str) -> Iterator[str]:
    for link in chain.links:
        yield f"{link.kind:<12} {link.path or ''}  {link.state}".rstrip()
        says = {column: chain.says} if link.path == chain.source else {}
        yield from _facts({**says, "sha256": link.sha256, **link.facts})
    if chain.videos:
        counts = Counter(video.state for video in chain.videos)
        states = ", ".join(f"{number} {state}" for state, number in counts.items())
        yield f"{'videos':<12} {len(chain.videos)}: {states}"
        for video in chain.videos:
            note = f"  ({video.note})" if video.note else ""
            yield f"  {video.path}  {video.sha256 or '–'}  {video.state}{note}"


def _facts(facts: Mapping[str, Any]) -> Iterator[str]:
    for key, value in facts.items():
        text = value
        if isinstance(value, dict):
            text = ", ".join(f"{name} {held}" for name, held in value.items())
        elif isinstance(value, list):
            text = ", ".join(map(str, value))
        if text not in {None, ""}:
            yield f"  {key:<14} {text}"
