"""Where one number of a table comes from: the chain from its cell down to label file and videos."""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from vqathinker.errors import InputError, read_json, reading
from vqathinker.phases.words import nearest
from vqathinker.products import TABLE
from vqathinker.reporting.chain import Link, Video, find_root, follow, videos_of
from vqathinker.reporting.provenance import PROVENANCE, read_provenance, row_name

__all__ = ["Chain", "Explanation", "as_text", "explain", "tables_of"]

_LISTED = 20  # rows that a wrong name is answered with


class Chain(NamedTuple):
    """From one source to its videos; `says` is what the source itself holds under the column."""

    source: str
    says: Any
    links: list[Link]
    videos: list[Video]


class Explanation(NamedTuple):
    """A cell of a table, as its CSV has it, and a chain for each of its sources.

    `told` is who says so, where the table names somebody.
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
    provenance = read_provenance(_among(table.removesuffix(".csv"), tables_of(results), "table"))
    with reading(provenance.table, *TABLE):
        with provenance.table.open(encoding="utf-8", newline="") as file:
            lines = csv.DictReader(file)
            cells = {row_name(line, provenance.content["key"]): line for line in lines}
        columns = {name: name for name in lines.fieldnames or ()}
    values = _among(row, cells, f"row of {provenance.table}")
    value = values[_among(column, columns, f"column of {provenance.table}")]
    if row not in provenance.rows:
        raise InputError(f"{provenance.path}: has no row {row}, but its table has: make both again")
    root = find_root(results, provenance.content["sources"])
    chains = []
    for name in provenance.sources_of(row, column):
        links = list(follow(provenance, name, root))
        manifests = [link.path for link in links if link.kind == "manifest" and link.path]
        there = [root / path for path in manifests if (root / path).is_file()]
        videos = [video for manifest in there for video in videos_of(manifest)]
        chains.append(Chain(name, _said(root / name, column), links, videos))
    return Explanation(provenance.table, row, column, value, values.get("source", ""), chains)


def tables_of(results: Path) -> dict[str, Path]:
    """Name of each table of a results folder to its provenance.

    Raises:
        InputError: there is none.
    """
    found = sorted((results / "tables").glob(f"*{PROVENANCE}"))
    if not found:
        raise InputError(
            f"{results}/tables: no table with its provenance; write them with `vqathinker tables`"
        )
    return {path.name.removesuffix(PROVENANCE): path for path in found}


def _among(word: str, known: dict[str, Any], what: str) -> Any:
    if word in known:
        return known[word]
    names = list(known)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    listed = ", ".join(names[:_LISTED])
    raise InputError(f"{word!r} is no {what}; expected one of {listed}{more}{nearest(word, names)}")


def _said(path: Path, column: str) -> Any:
    if path.suffix != ".json" or not path.is_file():
        return None
    said = read_json(path, "the source of a table", "write it again").get(column)
    return None if isinstance(said, dict | list) else said


def as_text(explanation: Explanation) -> str:
    """The explanation for a terminal."""
    table, row, column, value, told, chains = explanation
    lines = [f"{table}: {row}, {column}: {value or 'empty'}"]
    if told:
        lines.append(f"  as told by {told}")
    if not chains:
        lines.append("  of no file")
    for chain in chains:
        lines += ["", *_chain_lines(chain, column)]
    return "\n".join(lines)


def _chain_lines(chain: Chain, column: str) -> Iterator[str]:
    for link in chain.links:
        place = link.path or ""
        state = f"  {link.state}" if link.state else ""
        yield f"{link.kind:<12} {place}{state}".rstrip()
        if link.path == chain.source and chain.says is not None:
            yield from _facts({column: chain.says})
        if link.sha256:
            yield from _facts({"sha256": link.sha256})
        yield from _facts(link.facts)
    if chain.videos:
        yield f"{'videos':<12} {len(chain.videos)}: {_counts(v.state for v in chain.videos)}"
        for video in chain.videos:
            note = f"  ({video.note})" if video.note else ""
            yield f"  {video.path}  {video.sha256 or '–'}  {video.state}{note}"


def _counts(states: Iterable[str]) -> str:
    listed = list(states)
    return ", ".join(f"{listed.count(state)} {state}" for state in dict.fromkeys(listed))


def _facts(facts: dict[str, Any]) -> Iterator[str]:
    for key, value in facts.items():
        if isinstance(value, dict):
            value = ", ".join(f"{name} {held}" for name, held in value.items())  # noqa: PLW2901
        if isinstance(value, list):
            value = ", ".join(map(str, value))  # noqa: PLW2901
        if value not in {None, ""}:
            yield f"  {key:<14} {value}"
