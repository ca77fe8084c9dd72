"""Beside each table, NAME.provenance.json: which files and settings each of its numbers comes from.

A row, or a cell of it where cells differ, points to sources, which are files by path; a source has
its hash and the files it was made from, and points to what many sources share: `policies`,
`manifests`, `conditions` (setting, decoding, device, machine, versions, code). So nothing is said a
hundred times. No times and no names of hosts: the same results give the same bytes.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vqathinker.atomic import whole_file
from vqathinker.errors import InputError, read_json
from vqathinker.evaluation.origins import versions_of
from vqathinker.hashing import code_digest, sha256_of_file

__all__ = [
    "PROVENANCE",
    "Sources",
    "TableProvenance",
    "locate",
    "read_provenance",
    "row_name",
]

PROVENANCE = ".provenance.json"  # the end of a file's name, in place of .csv
_CONDITIONS = (
    "setting",
    "decoding",
    "answer",
    "device",
    "precision",
    "machine",
    "versions",
    "code",
)
_OF_MANIFEST = ("manifest", "labels", "files_sha256")
_PACKAGE = Path(__file__).parents[1]  # has files of its own: published results
_SHORT = 12  # digits of a hash that tell conditions apart

# The files that a row, or each of its columns, comes from.
Files = Sequence[Path] | Mapping[str, Sequence[Path]]


class Sources:
    """What the files that tables are made of say of their own origin; each is read once.

    A file that tells nothing, such as a list of published results, counts by its path and hash.
    """

    def __init__(self) -> None:
        self._known: dict[Path, dict[str, Any]] = {}

    def write(
        self, table: Path, key: Sequence[str], rows: Iterable[tuple[Mapping[str, Any], Files]]
    ) -> None:
        """Write the provenance of the table at `table`, which has been written.

        Args:
            table: a CSV.
            key: columns whose values name a row, joined by a stroke: see `row_name`.
            rows: of each row, its values by column and the files that they come from: of all of
                them, or by column where they differ.

        Raises:
            InputError: two rows have one name.
        """
        shared: dict[str, dict[str, Any]] = {"policies": {}, "manifests": {}, "conditions": {}}
        sources: dict[str, Any] = {}
        pointers: dict[str, Any] = {}
        for row, files in rows:
            name = row_name(row, key)
            if name in pointers:
                raise InputError(f"{table}: two rows {name}; a row is named by {', '.join(key)}")
            if isinstance(files, Mapping):
                by_column = {
                    column: self._point(paths, sources, shared) for column, paths in files.items()
                }
                pointers[name] = by_column
            else:
                pointers[name] = self._point(files, sources, shared)
        content = {
            "table": table.name,
            "sha256": sha256_of_file(table),
            "key": list(key),
            "code": code_digest(Path("cli", "report.py"), _PACKAGE.parent),
            "versions": versions_of(),
            "rows": pointers,
            "sources": sources,
            **shared,
        }
        with whole_file(table.with_suffix(PROVENANCE)) as part:
            text = json.dumps(content, indent=1, ensure_ascii=False)
            part.write_text(text + "\n", encoding="utf-8")

    def _point(
        self, files: Iterable[Path], sources: dict[str, Any], shared: dict[str, dict[str, Any]]
    ) -> list[str]:
        names = []
        for path in files:
            if path not in self._known:
                self._known[path] = _read_source(locate(path, Path()))
            found, name = self._known[path], path.as_posix()
            names.append(name)
            sources[name] = found["source"]
            for kind, entries in found["shared"].items():
                shared[kind] |= entries
        return list(dict.fromkeys(names))


class TableProvenance(NamedTuple):
    """The provenance of one table, as read back."""

    path: Path
    content: dict[str, Any]

    @property
    def table(self) -> Path:
        """The CSV that it stands beside."""
        return self.path.with_name(self.content["table"])

    @property
    def rows(self) -> dict[str, list[str] | dict[str, list[str]]]:
        """Names of rows, each with the names of its sources, for all columns or by column."""
        return dict(self.content["rows"])

    def sources_of(self, row: str, column: str) -> list[str]:
        """Names of the sources of one cell; `row` is one of `rows`."""
        found = self.rows[row]
        return found.get(column, []) if isinstance(found, dict) else found


def locate(recorded: str | Path, root: Path) -> Path:
    """Where a recorded path lies now: in the installed package, or below the project's folder."""
    path = Path(recorded)
    return _PACKAGE.parent / path if path.parts[:1] == (_PACKAGE.name,) else root / path


def row_name(row: Mapping[str, Any], key: Iterable[str]) -> str:
    """The name of a row: what is empty is left out.

    >>> row_name({"run": "grpo", "benchmark": "konvid", "srcc": 0.8}, ["run", "benchmark"])
    'grpo/konvid'
    """
    return "/".join(value for column in key if (value := str(row[column])))


def read_provenance(path: Path) -> TableProvenance:
    """Read what `Sources.write` wrote.

    Raises:
        InputError: it is not there, or something else.
    """
    expected = ("the provenance of a table", "write it with `vqathinker tables`")
    content = read_json(path, *expected)
    needed = ("table", "sha256", "key", "rows", "sources", "policies", "manifests", "conditions")
    if lacking := [name for name in needed if name not in content]:
        raise InputError(f"{path}: no {', '.join(lacking)}; expected {expected[0]}: {expected[1]}")
    return TableProvenance(path, content)


def _read_source(path: Path) -> dict[str, Any]:
    """What one file is, and what it shares with others."""
    content = json.loads(path.read_text(encoding="utf-8")) if path.suffix == ".json" else {}
    origin: dict[str, Any] = content.get("provenance") or {}
    made: dict[str, Any] = origin.get("made_from", {})
    source: dict[str, Any] = {"sha256": sha256_of_file(path)}
    shared: dict[str, dict[str, Any]] = {}
    source |= {key: origin[key] for key in ("run", "benchmark", "clips") if key in origin}
    source |= {key: made[key] for key in made if key not in _OF_MANIFEST}
    if "policy" in origin:
        shared["policies"] = {origin["policy"]: origin.get("policy_origin", {})}
        source["policy"] = origin["policy"]
    if manifest := made.get("manifest"):
        told = {key: made.get(key) for key in ("labels", "files_sha256")}
        shared["manifests"] = {manifest["sha256"]: {"path": manifest["path"], **told}}
        source["manifest"] = manifest["sha256"]
    if conditions := {key: origin[key] for key in _CONDITIONS if key in origin}:
        text = json.dumps(conditions, sort_keys=True)
        source["conditions"] = hashlib.sha256(text.encode()).hexdigest()[:_SHORT]
        shared["conditions"] = {source["conditions"]: conditions}
    return {"source": source, "shared": shared}
