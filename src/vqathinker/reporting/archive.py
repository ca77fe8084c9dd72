"""A scale's results with all that explains them, as one RO-Crate: a zip whose bytes are fixed.

Packed are results and provenance, parameters (as written and as resolved), environment, rules and
code, receipts of data sets, records of policies. Videos, labels and weights are not: their owners
say who may have them. They are named with their hashes.
"""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from vqathinker import __version__
from vqathinker.atomic import whole_file
from vqathinker.errors import InputError
from vqathinker.evaluation.origins import versions_of
from vqathinker.hashing import sha256_of_file
from vqathinker.phases.parameters import read_params
from vqathinker.phases.yaml12 import dump_yaml
from vqathinker.policy.folder.hashes import PROVENANCE as POLICY_RECORD
from vqathinker.policy.machine import describe_machine
from vqathinker.programs import find_program
from vqathinker.reporting.chain import find_root
from vqathinker.reporting.crate import Entry, crate_metadata
from vqathinker.reporting.explain import tables_of
from vqathinker.reporting.inputs import read_inputs
from vqathinker.reporting.provenance import TableProvenance, locate, read_provenance

__all__ = ["archive"]

# Of the project's folder; what of it is not there, is not packed.
_PROJECT = ("Snakefile", "params.yaml", "constraints.txt", "pyproject.toml", "dvc.yaml", "dvc.lock",
            "README.md", "LICENSE", "envs", "workflow", "cards", "src")  # fmt: skip
_LEFT_OUT = {"__pycache__", "keys"}
_METADATA = "ro-crate-metadata.json"
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # of the zip format


def archive(results: Path, out: Path, params: Path) -> int:
    """Pack a results folder and what explains it.

    Two archives of the same files are the same bytes: the date is that of the newest result.

    Args:
        results: a results folder, such as results/demo.
        out: the zip to write.
        params: params.yaml.

    Returns:
        How many files are in it.

    Raises:
        InputError: the folder has no tables, a file of theirs is gone, or there is no Snakefile.
    """
    provenances = [read_provenance(path) for path in tables_of(results).values()]
    inputs = read_inputs(results / "tables")
    root = find_root(results, [path for paths in inputs.files.values() for path in paths]).resolve()
    if not (root / "Snakefile").is_file():
        raise InputError(f"{root}: no Snakefile; expected the project's folder: call it from there")
    found = {_name_in(root, path): path for path in _below(results)}
    named = dict(_files_of(provenances, root))
    date = max(path.stat().st_mtime for path in found.values())
    finished = datetime.fromtimestamp(int(date), UTC).isoformat()
    project = {_name_in(root, path): path for name in _PROJECT for path in _below(root / name)}
    scale = inputs.params.get("scale")
    resolved = read_params(params, [f"scale={scale}"] if scale else [])
    written = {
        "parameters/resolved.yaml": dump_yaml(resolved, allow_unicode=True),
        "environment.json": _json(_environment()),
        "code.json": _json(_code(root)),
    }
    entries = [Entry(name, path, None) for name, path in {**project, **named, **found}.items()]
    entries += [Entry(name, None, text.encode()) for name, text in written.items()]
    entries.sort(key=lambda entry: entry.name)
    title = f"{resolved['report']['title']}: results of scale {resolved['scale']}"
    metadata = crate_metadata(
        entries, title, finished, results=sorted({*found, *named}),
        things=list(_things_outside(provenances)),
    )  # fmt: skip
    _write_zip(out, [Entry(_METADATA, None, _json(metadata).encode()), *entries])
    return len(entries) + 1


def _below(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    for file in sorted(path.rglob("*")):
        parts = file.relative_to(path).parts
        hidden = any(part.startswith(".") or part in _LEFT_OUT for part in parts)
        if file.is_file() and not hidden and file.suffix != ".pyc":
            yield file


def _files_of(provenances: Sequence[TableProvenance], root: Path) -> Iterator[tuple[str, Path]]:
    """Name and path of each file that tables were made from, of receipts, records, histories."""
    for one in provenances:
        for name, source in one.content["sources"].items():
            here = locate(name, root)  # of a checkout, the package's own files lie in it, too
            if here.is_relative_to(root):
                yield _required(root, here)
            if made := source.get("predictions"):
                yield _required(root, made["path"])
        more = [Path(found["path"]).with_name("source.json")
                for found in one.content["manifests"].values()]  # fmt: skip
        for policy in one.content["policies"].values():
            if "folder" in policy:
                folder = Path(policy["folder"])
                more += [folder / POLICY_RECORD, folder / "README.md"]
                more += [folder.parent / "history.csv"] if "run" in policy else []
        yield from (_required(root, path) for path in more if (root / path).is_file())


def _required(root: Path, recorded: str | Path) -> tuple[str, Path]:
    path = root / recorded
    if not path.is_file():
        raise InputError(f"{path}: gone, but tables were made from it; make the results again")
    return _name_in(root, path), path


def _name_in(root: Path, path: Path) -> str:
    try:
        return path.resolve().relative_to(root).as_posix()
    except ValueError:
        raise InputError(
            f"{path}: lies outside of the project's folder, {root}; expected results made by its "
            "rules: make them with snakemake"
        ) from None


def _things_outside(provenances: Sequence[TableProvenance]) -> Iterator[dict[str, Any]]:
    """What results depend on and the archive leaves out: manifests, labels, policies."""
    for one in provenances:
        for sha256, found in one.content["manifests"].items():
            yield {"name": f"manifest {found['path']}", "sha256": sha256}
            if labels := found.get("labels"):
                yield {"name": f"labels {labels['path']}", "sha256": labels["sha256"]}
        for sha256, policy in one.content["policies"].items():
            yield {"name": f"policy {policy.get('folder', '')}".strip(), "sha256": sha256}


def _environment() -> dict[str, Any]:
    packages = {str(one.metadata["Name"]): one.version for one in distributions()}
    return {
        **versions_of(),
        "machine": describe_machine(),
        "packages": dict(sorted(packages.items(), key=lambda item: item[0].lower())),
    }


def _code(root: Path) -> dict[str, Any]:
    """The revision and changed files, if `root` is a repository, and the hash of each source."""
    revision = changed = None
    if _is_repository(root):
        revision, changed = _git(root, "rev-parse", "HEAD"), _git(root, "status", "-s")
    files = {_name_in(root, path): sha256_of_file(path) for path in _below(root / "src")}
    return {
        "version": __version__,
        "revision": revision,
        "changed": None if changed is None else changed.splitlines(),
        "files": files,
    }


def _is_repository(root: Path) -> bool:
    """Whether `root` is the top level of a repository, not a folder somewhere in another one."""
    top = _git(root, "rev-parse", "--show-toplevel")
    return top is not None and Path(top).resolve() == root.resolve()


def _git(root: Path, *words: str) -> str | None:
    """What git prints of the repository that holds `root`; None where it fails.

    GIT_DIR and the like, which git sets in its hooks, point to another repository.
    """
    program = find_program("git")
    if program is None:
        return None
    environment = {name: value for name, value in os.environ.items() if name[:4] != "GIT_"}
    done = subprocess.run(
        [program, "-C", str(root), *words],
        capture_output=True, text=True, errors="replace", check=False, env=environment,
    )  # fmt: skip
    return done.stdout.removesuffix("\n") if done.returncode == 0 else None


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _write_zip(out: Path, entries: Sequence[Entry]) -> None:
    with whole_file(out) as part, ZipFile(part, "w") as file:
        for entry in entries:
            info = ZipInfo(entry.name, _FIRST_DAY)
            info.compress_type, info.external_attr = ZIP_DEFLATED, 0o644 << 16
            file.writestr(info, entry.read())
