"""provenance.json of the tables: the files and settings that every row comes from.

It contains the inputs of all tables, the source files of each row, and for each source the chain
down to the label file. It has no times and no host names, so the same results give the same bytes.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vqathinker.errors import InputError, read_json
from vqathinker.evaluation.origins import package_versions
from vqathinker.hashing import code_digest, sha256_of_file
from vqathinker.reporting.formats import FILES, Table, write_text

PROVENANCE = "provenance.json"
_CONDITIONS = ("decoding", "answer", "device", "precision", "machine", "versions", "code")
_PACKAGE = Path(__file__).parents[1]  # the package also contains published results


class Link(NamedTuple):
    """One file, folder or group of settings that a number comes from.

    Attributes:
        kind: "metrics", "predictions", "policy", "history", "clips", "conditions", "manifest",
            "receipt" or "labels"; "file" for a file without provenance.
        path: as recorded, relative to the project's root; None if it is not a file.
        sha256: as recorded; `policy_hash` of a policy, `files_digest` of a receipt.
        facts: other recorded values.
        state: see `explain`; empty if it was not checked.
    """

    kind: str
    path: str | None
    sha256: str | None = None
    facts: Mapping[str, Any] = {}
    state: str = ""


class Provenance(NamedTuple):
    """The provenance of a folder of tables.

    Attributes:
        folder: the folder of tables.
        params: the parameters of the tables.
        inputs: the input files, by option of `vqathinker tables`.
        tables: table name to `sha256` of the CSV, the `key` columns that name a row, and `rows`,
            which maps the name of a row to its source files.
        sources: source file to its chain of links, down to the label file.
    """

    folder: Path
    params: Mapping[str, Any]
    inputs: Mapping[str, list[str]]
    tables: Mapping[str, Mapping[str, Any]]
    sources: Mapping[str, Sequence[Link]]

    def links(self) -> Iterator[Link]:
        """The links of all sources, with repetitions."""
        for chain in self.sources.values():
            yield from chain

    def root(self, results: Path) -> Path:
        """The folder that recorded paths start from: the current one, or one above the results."""
        files = [*self.sources, *(path for paths in self.inputs.values() for path in paths)]
        above = [Path(), *results.resolve().parents]
        return next((root for root in above if any((root / f).exists() for f in files)), Path())


def write_provenance(
    tables: Iterable[Table],
    folder: Path,
    params: Mapping[str, Any],
    inputs: Mapping[str, Sequence[Path]],
) -> None:
    """Write the provenance of tables that are in `folder`.

    Raises:
        InputError: two rows of a table have the same name.
    """
    entries: dict[str, dict[str, Any]] = {}
    sources: dict[Path, list[dict[str, Any]]] = {}
    for table in tables:
        rows: dict[str, list[str]] = {}
        path = folder / f"{table.name}.csv"
        for row in table.rows:
            name = row_name(row, table.key)
            if name in rows:
                raise InputError(f"{path}: has two rows {name}; expected unique rows")
            rows[name] = [file.as_posix() for file in dict.fromkeys(row[FILES])]
            for file in row[FILES]:
                if file not in sources:
                    sources[file] = [link._asdict() for link in _chain(file)]
        entries[table.name] = {
            "sha256": sha256_of_file(path), "key": list(table.key), "rows": rows
        }  # fmt: skip
    content = {
        "code": code_digest(),
        "versions": package_versions(),
        "params": params,
        "inputs": {name: [path.as_posix() for path in paths] for name, paths in inputs.items()},
        "tables": entries,
        "sources": {path.as_posix(): chain for path, chain in sources.items()},
    }
    write_text(folder / PROVENANCE, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _chain(path: Path) -> Iterator[Link]:
    """The links from one file down to the label file, as recorded in the file."""
    file = locate(path, Path())
    content = json.loads(file.read_text(encoding="utf-8")) if file.suffix == ".json" else {}
    origin: dict[str, Any] = content.get("provenance") or {}
    inputs: dict[str, Any] = dict(origin.get("made_from", {}))
    manifest, labels = inputs.pop("manifest", None), inputs.pop("labels", None)
    kind = "metrics" if "predictions" in inputs else "file"
    about: dict[str, Any] = {key: origin[key] for key in ("run", "benchmark") if key in origin}
    yield Link(kind, path.as_posix(), sha256_of_file(file), about)
    for key, record in inputs.items():
        if isinstance(record, Mapping) and {"path", "sha256"} <= record.keys():
            yield Link(key, record["path"], record["sha256"])
    if "policy" in origin:
        facts = dict(origin.get("policy_origin", {}))
        trained = facts.pop("folder", None)
        yield Link("policy", trained, origin["policy"], facts)
        if trained is not None and "run" in facts:
            yield Link("history", f"{Path(trained).parent}/history.csv")
    if setting := origin.get("setting"):
        yield Link("clips", None, None, {"setting": setting, "sha256": origin.get("clips", [])})
    if conditions := {key: origin[key] for key in _CONDITIONS if key in origin}:
        yield Link("conditions", None, None, conditions)
    if manifest:
        yield Link("manifest", manifest["path"], manifest["sha256"])
        if recorded := inputs.get("files_sha256"):
            receipt = Path(manifest["path"]).with_name("source.json")
            yield Link("receipt", receipt.as_posix(), recorded)
    if labels:
        yield Link("labels", labels["path"], labels["sha256"])


def read_provenance(results: Path) -> Provenance:
    """Read the provenance of the tables of a results folder.

    Raises:
        InputError: the file is missing or damaged.
    """
    path = results / "tables" / PROVENANCE
    content = read_json(path, "the provenance of tables", "write it with `vqathinker tables`")
    chains = {file: [Link(**link) for link in chain] for file, chain in content["sources"].items()}
    return Provenance(path.parent, content["params"], content["inputs"], content["tables"], chains)


def locate(recorded: str | Path, root: Path) -> Path:
    """Current path of a recorded one: in the installed package or below the project's folder."""
    path = Path(recorded)
    return _PACKAGE.parent / path if path.parts[:1] == (_PACKAGE.name,) else root / path


def row_name(row: Mapping[str, Any], key: Iterable[str]) -> str:
    """The name of a row: the values of its key columns that are not empty.

    >>> row_name({"run": "grpo", "benchmark": "konvid", "srcc": 0.8}, ["run", "benchmark"])
    'grpo/konvid'
    """
    return "/".join(str(row[column]) for column in key if row[column] not in {None, ""})
