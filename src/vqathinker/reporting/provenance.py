"""NAME.provenance.json next to each table: the files and settings that its numbers come from.

A row points to sources, which are files by path; a source has its hash and the files it was made
from, and points to what many sources share: `policies`, `manifests`, `conditions` (setting,
decoding, device, machine, versions, code). Shared facts are stored once. There are no times and no
host names: the same results give the same bytes.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from vqathinker.errors import InputError, read_json
from vqathinker.evaluation.origins import versions_of
from vqathinker.hashing import code_digest, sha256_of_file
from vqathinker.reporting.formats import FILES, Table, write_text

PROVENANCE = ".provenance.json"  # the end of a file's name, in place of .csv
_CONDITIONS = ("setting", "decoding", "answer", "device", "precision", "machine", "versions",
               "code")  # fmt: skip
_OF_MANIFEST = ("manifest", "labels", "files_sha256")
_PACKAGE = Path(__file__).parents[1]  # has files of its own: published results
_SHORT = 12  # digits of a hash that tell conditions apart


class Sources:
    """Recorded origins of the files that tables are made from; each file is read once.

    A file without a record, such as a list of published results, has its path and hash only.
    """

    def __init__(self) -> None:
        self._known: dict[Path, tuple[dict[str, Any], dict[str, dict[str, Any]]]] = {}

    def write(self, table: Table, folder: Path) -> None:
        """Write the provenance of a table that has been written to `folder`.

        Raises:
            InputError: two rows have one name.
        """
        shared: dict[str, dict[str, Any]] = {"policies": {}, "manifests": {}, "conditions": {}}
        sources: dict[str, Any] = {}
        rows: dict[str, list[str]] = {}
        for row in table.rows:
            name = row_name(row, table.key)
            if name in rows:
                raise InputError(f"{folder}/{table.name}.csv: two rows {name}; expected one")
            rows[name] = [path.as_posix() for path in dict.fromkeys(row[FILES])]
            for path in row[FILES]:
                if path not in self._known:
                    self._known[path] = _read_source(locate(path, Path()))
                sources[path.as_posix()], more = self._known[path]
                for kind, entries in more.items():
                    shared[kind] |= entries
        path = folder / f"{table.name}.csv"
        content = {
            "table": path.name,
            "sha256": sha256_of_file(path),
            "key": list(table.key),
            "code": code_digest(Path("cli", "report.py"), _PACKAGE.parent),
            "versions": versions_of(),
            "rows": rows,
            "sources": sources,
            **shared,
        }
        text = json.dumps(content, indent=1, ensure_ascii=False)
        write_text(path.with_suffix(PROVENANCE), text + "\n")


class Link(NamedTuple):
    """One file or folder that a number comes from.

    Attributes:
        kind: "metrics", "predictions", "policy", "history", "asked" (conditions), "clips",
            "manifest", "receipt" or "labels"; "file" for a file that records no origin.
        path: as recorded, relative to the project's root; None where it is no file.
        sha256: as recorded; of a policy, `policy_hash`, of a receipt, `files_digest`.
        state: "ok", "DIFFERS", "gone", or "not recorded"; empty where it is no file or was not
            checked.
        facts: further recorded values.
    """

    kind: str
    path: str | None
    sha256: str | None
    state: str
    facts: dict[str, Any]


class TableProvenance(NamedTuple):
    """The provenance of one table, as read back."""

    path: Path
    content: dict[str, Any]

    @property
    def table(self) -> Path:
        """The CSV that it describes."""
        return self.path.with_name(self.content["table"])

    @property
    def rows(self) -> dict[str, list[str]]:
        """Names of rows, each with the names of its sources."""
        return dict(self.content["rows"])

    def links(self, name: str) -> Iterator[Link]:
        """The chain from the source of this name down to labels, as recorded."""
        source = self.content["sources"][name]
        run = {key: source[key] for key in ("run", "benchmark") if key in source}
        kind = "metrics" if "predictions" in source else "file"
        yield Link(kind, name, source["sha256"], "", run)
        for key, made in source.items():
            if isinstance(made, Mapping) and {"path", "sha256"} <= set(made):
                yield Link(key, made["path"], made["sha256"], "", {})
        if sha256 := source.get("policy"):
            facts = dict(self.content["policies"][sha256])
            folder = facts.pop("folder", None)
            yield Link("policy", folder, sha256, "", facts)
            if folder is not None and "run" in facts:
                yield Link("history", f"{Path(folder).parent}/history.csv", None, "", {})
        conditions = dict(self.content["conditions"].get(source.get("conditions"), {}))
        if setting := conditions.pop("setting", None):
            clips = {"setting": setting, "sha256": source.get("clips", [])}
            yield Link("clips", None, None, "", clips)
        if conditions:
            yield Link("asked", None, None, "", conditions)
        if sha256 := source.get("manifest"):
            manifest = self.content["manifests"][sha256]
            yield Link("manifest", manifest["path"], sha256, "", {})
            if recorded := manifest.get("files_sha256"):
                receipt = Path(manifest["path"]).with_name("source.json").as_posix()
                yield Link("receipt", receipt, recorded, "", {})
            if labels := manifest.get("labels"):
                yield Link("labels", labels["path"], labels["sha256"], "", {})

    def every_link(self) -> Iterator[Link]:
        """The chains from all sources; shared links are repeated."""
        for name in self.content["sources"]:
            yield from self.links(name)


def provenances_of(results: Path) -> dict[str, TableProvenance]:
    """Name of each table of a results folder to its provenance.

    Raises:
        InputError: there is none.
    """
    found = sorted((results / "tables").glob(f"*{PROVENANCE}"))
    if not found:
        raise InputError(
            f"{results}/tables: no table with its provenance; write them with `vqathinker tables`"
        )
    return {path.name.removesuffix(PROVENANCE): read_provenance(path) for path in found}


def find_root(results: Path, recorded: Iterable[str | Path]) -> Path:
    """The folder that recorded paths start from: the present one, or one above the results."""
    listed, above = list(recorded), [Path(), *results.resolve().parents]
    return next((root for root in above if any((root / path).exists() for path in listed)), Path())


def locate(recorded: str | Path, root: Path) -> Path:
    """Where a recorded path lies now: in the installed package, or below the project's folder."""
    path = Path(recorded)
    return _PACKAGE.parent / path if path.parts[:1] == (_PACKAGE.name,) else root / path


def row_name(row: Mapping[str, Any], key: Iterable[str]) -> str:
    """The name of a row: the values of its key; what is empty is left out.

    >>> row_name({"run": "grpo", "benchmark": "konvid", "srcc": 0.8}, ["run", "benchmark"])
    'grpo/konvid'
    """
    return "/".join(str(row[column]) for column in key if row[column] not in {None, ""})


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


def _read_source(path: Path) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The entry of one file, and the entries it shares with others."""
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
    return source, shared
