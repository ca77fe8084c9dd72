"""The chain from one number in a table down to the label file and the videos.

Hashes are computed again from the files, so this takes as long as reading all videos.
"""

import csv
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from vqathinker.datasets.receipt import files_digest, read_receipt
from vqathinker.errors import InputError, read_json, reading
from vqathinker.hashing import sha256_of_file
from vqathinker.parquet import read_columns
from vqathinker.phases.hints import nearest
from vqathinker.policy.folder.hashes import policy_hash
from vqathinker.products import MANIFEST, METRICS, TABLE
from vqathinker.reporting.provenance import Link, locate, read_provenance, row_name

OK, DIFFERS, MISSING, UNKNOWN = "ok", "DIFFERS", "missing", "not recorded"  # states
_MAX_LISTED = 20  # names in the message about an unknown name


class Video(NamedTuple):
    """A video of a set: id, file, hash in the receipt, state, and the manifest's note."""

    video: str
    path: str
    sha256: str | None
    state: str
    note: str


class Chain(NamedTuple):
    """The links from one source file down to its videos; `value` is the column in that file."""

    source: str
    value: Any
    links: list[Link]
    videos: list[Video]


class Explanation(NamedTuple):
    """A cell of a table, as in its CSV, with one chain for each source file.

    `published_in` is the publication that the table cites, if any.
    """

    table: Path
    row: str
    column: str
    value: str
    published_in: str
    chains: list[Chain]


def explain(results: Path, table: str, row: str, column: str) -> Explanation:
    """Trace one number and compare every file of the chain with its recorded hash.

    Args:
        results: a results folder, such as results/demo.
        table: name of one of its tables, such as scoring.
        row: values of the columns that name a row, joined by slashes: grpo/demo_content.
        column: one of the table's columns, such as srcc.

    Raises:
        InputError: the table, row or column does not exist; the message lists those that do.
    """
    provenance = read_provenance(results)
    entry = _look_up(table.removesuffix(".csv"), provenance.tables, "table")
    path = provenance.folder / f"{table.removesuffix('.csv')}.csv"
    with reading(path, *TABLE), path.open(encoding="utf-8", newline="") as file:
        rows = {row_name(cells, entry["key"]): cells for cells in csv.DictReader(file)}
    cells = _look_up(row, rows, f"row of {path}")
    value = _look_up(column, cells, f"column of {path}")
    root, chains = provenance.root(results), []
    for source in entry["rows"].get(row, []):
        links = list(_check(provenance.sources[source], root))
        manifests = [root / link.path for link in links if link.kind == "manifest" and link.path]
        videos = [video for one in manifests if one.is_file() for video in _videos_of(one)]
        chains.append(Chain(source, _value_in(root / source, column), links, videos))
    return Explanation(path, row, column, value, cells.get("source", ""), chains)


def _value_in(source: Path, column: str) -> Any:
    if source.suffix != ".json" or not source.is_file():
        return None
    value = read_json(source, *METRICS).get(column)
    return None if isinstance(value, dict | list) else value


def state_of(path: Path, sha256: str | None) -> str:
    """Whether a file, or a policy's folder, still has its recorded hash."""
    if not path.exists():
        return MISSING
    if sha256 is None:
        return UNKNOWN
    found = policy_hash(path) if path.is_dir() else sha256_of_file(path)
    return OK if found == sha256 else DIFFERS


def _look_up(word: str, known: Mapping[str, Any], what: str) -> Any:
    if word in known:
        return known[word]
    names = list(known)
    more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    listed = ", ".join(names[:_MAX_LISTED])
    raise InputError(
        f"{word!r} is not a {what}; expected one of {listed}{more}{nearest(word, names)}"
    )


def _check(chain: Sequence[Link], root: Path) -> Iterator[Link]:
    """The links of a chain with their states, and what receipts say of the origin of files."""
    receipt: dict[str, Any] = {}
    for link in chain:
        if link.path is None:
            yield link._replace(state=UNKNOWN if link.kind == "policy" else "")
            continue
        file, facts = locate(link.path, root), dict(link.facts)
        if link.kind == "receipt" and file.is_file():
            receipt = read_receipt(file)
            state = OK if files_digest(receipt) == link.sha256 else DIFFERS
        else:
            state = state_of(file, link.sha256)
        if file.suffix == ".parquet" and state == OK:
            facts["rows"] = pq.read_metadata(file).num_rows
        elif link.kind == "labels" and receipt:
            facts |= _origin_of_files(receipt)
        if link.kind != "history" or state != MISSING:  # untrained policies have no history
            yield link._replace(state=state, facts=facts)


def _origin_of_files(receipt: Mapping[str, Any]) -> dict[str, Any]:
    downloads = [
        f"{item['origin']}" + (f" at {item['revision']}" if item.get("revision") else "")
        for item in receipt.get("downloads", [])
    ]
    facts = {"fetched by": receipt.get("made_by"), "from": downloads}
    if ffmpeg := receipt.get("ffmpeg"):
        facts["ffmpeg"] = f"{ffmpeg['version']} from {ffmpeg['from']}"
    return facts


def _videos_of(manifest: Path) -> Iterator[Video]:
    """Every video of a manifest, compared with the receipt of the set that has the file."""
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
    """The explanation as text for a terminal."""
    table, row, column, value, published_in, chains = explanation
    lines = [f"{table}: {row}, {column}: {value or 'empty'}"]
    lines += [f"  published in {published_in}"] if published_in else []
    lines += [] if chains else ["  no source file"]
    for chain in chains:
        lines.append("")
        for link in chain.links:
            lines.append(f"{link.kind:<12} {link.path or ''}  {link.state}".rstrip())
            own = {column: chain.value} if link.path == chain.source else {}
            facts = {**own, "sha256": link.sha256, **link.facts}
            texts = {name: _fact_text(fact) for name, fact in facts.items()}
            lines += [f"  {name:<14} {text}" for name, text in texts.items() if text]
        if chain.videos:
            counts = Counter(video.state for video in chain.videos)
            states = ", ".join(f"{number} {state}" for state, number in counts.items())
            lines.append(f"{'videos':<12} {len(chain.videos)}: {states}")
        for video in chain.videos:
            note = f"  ({video.note})" if video.note else ""
            lines.append(f"  {video.path}  {video.sha256 or '–'}  {video.state}{note}")
    return "\n".join(lines)


def _fact_text(fact: Any) -> str:
    if isinstance(fact, dict):
        return ", ".join(f"{name} {value}" for name, value in fact.items())
    if isinstance(fact, list):
        return ", ".join(map(str, fact))
    return "" if fact is None else str(fact)
