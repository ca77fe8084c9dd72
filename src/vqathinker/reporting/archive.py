"""A scale's results with all that explains them, as one RO-Crate: a zip whose bytes are fixed.

Packed are results and provenance, parameters (as written and as resolved), environment, rules and
code, receipts of data sets, records of policies. Videos, labels and weights are not: their owners
say who may have them. They are named with their hashes.

The metadata follows the Workflow Run RO-Crate profile, https://w3id.org/ro/wfrun/workflow/0.5,
which builds on Process Run Crate 0.5 and Workflow RO-Crate 1.0, all of RO-Crate 1.1.
"""

import hashlib
import json
import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from rocrate.rocrate import ROCrate

from vqathinker import __version__
from vqathinker.atomic import whole_file
from vqathinker.errors import InputError
from vqathinker.evaluation.origins import versions_of
from vqathinker.phases.parameters import read_params
from vqathinker.phases.yaml12 import dump_yaml
from vqathinker.policy.folder.hashes import PROVENANCE as POLICY_RECORD
from vqathinker.policy.machine import describe_machine
from vqathinker.programs import find_program
from vqathinker.reporting.provenance import Link, find_root, locate, provenances_of
from vqathinker.reporting.tables import read_inputs

# Of the project's folder; what of it is not there, is not packed.
_PROJECT = ("Snakefile", "params.yaml", "constraints.txt", "pyproject.toml", "dvc.yaml", "dvc.lock",
            "README.md", "LICENSE", "envs", "workflow", "cards", "src")  # fmt: skip
_PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
_LICENCE = "https://spdx.org/licenses/Apache-2.0"
_FORMATS = {
    ".csv": "text/csv", ".json": "application/json", ".md": "text/markdown", ".py": "text/x-python",
    ".html": "text/html", ".png": "image/png", ".svg": "image/svg+xml", ".tex": "application/x-tex",
    ".parquet": "application/vnd.apache.parquet", ".yaml": "application/yaml",
}  # fmt: skip
_ABOUT = (
    "Predictions, metrics, tables and figures of VQAThinker, video quality assessment by "
    "reinforcement learning, with provenance, parameters, environment and code. Videos, labels and "
    "weights are named with their hashes and not contained."
)
_OWN = "Of the workflow and its results. Data sets and policies from elsewhere have their own."
_INPUTS = {
    "params.yaml": "every parameter, as written",
    "parameters/resolved.yaml": "the parameters of this scale",
}

_WORKFLOW = {
    "name": "VQAThinker",
    "description": "From data sets to tables of video quality assessment.",
    "conformsTo": {"@id": "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"},
}
_OUTSIDE = {"manifest", "labels", "policy"}  # too large, or not ours to give away


def archive(results: Path, out: Path, params: Path) -> int:
    """Pack a results folder and what explains it.

    Two archives of the same files are the same bytes: the date is that of the newest result.

    Args:
        results: a results folder, such as results/demo.
        out: the zip to write; how many files are in it is returned.
        params: params.yaml.

    Raises:
        InputError: the folder has no tables, a file of theirs is gone, or there is no Snakefile.
    """
    links = [link for one in provenances_of(results).values() for link in one.every_link()]
    used, inputs = read_inputs(results / "tables")
    root = find_root(results, [path for paths in inputs for path in paths]).resolve()
    if not (root / "Snakefile").is_file():
        raise InputError(f"{root}: no Snakefile; expected the project's folder: call it from there")
    found = {_name_in(root, path): path for path in _below(results)}
    found |= {_name_in(root, path): path for path in _files_of(links, root) if path.is_file()}
    project = {_name_in(root, path): path for name in _PROJECT for path in _below(root / name)}
    resolved = read_params(params, [f"scale={used['scale']}"] if used.get("scale") else [])
    pairs = ((str(one.metadata["Name"]), one.version) for one in distributions())
    packages = dict(sorted(pairs, key=lambda pair: pair[0].lower()))
    contents = {name: path.read_bytes() for name, path in (project | found).items()}
    contents |= {
        "parameters/resolved.yaml": dump_yaml(resolved, allow_unicode=True).encode(),
        "environment.json": _json(
            {**versions_of(), "machine": describe_machine(), "packages": packages}
        ),
        "code.json": _json(_code(root)),
    }
    newest = max(path.stat().st_mtime for path in _below(results))
    title = f"{resolved['report']['title']}: results of scale {resolved['scale']}"
    finished = datetime.fromtimestamp(int(newest), UTC).isoformat()
    contents = dict(sorted(contents.items()))
    outside = [link for link in links if link.kind in _OUTSIDE and link.sha256]
    things = {link.sha256: f"{link.kind} {link.path or ''}".strip() for link in outside}
    metadata = _json(_metadata(contents, title, finished, found, things))
    with whole_file(out) as part, ZipFile(part, "w") as file:
        for name, content in {"ro-crate-metadata.json": metadata, **contents}.items():
            info = ZipInfo(name)  # of the format's first day
            info.compress_type, info.external_attr = ZIP_DEFLATED, 0o644 << 16
            file.writestr(info, content)
    return len(contents) + 1


def _below(path: Path) -> Iterator[Path]:
    for file in [path] if path.is_file() else sorted(path.rglob("*")):
        parts = file.relative_to(path).parts
        hidden = any(part.startswith(".") or part in {"__pycache__", "keys"} for part in parts)
        if file.is_file() and not hidden and file.suffix != ".pyc":
            yield file


def _files_of(links: Iterable[Link], root: Path) -> Iterator[Path]:
    """Files that tables were made from, receipts, records of policies and histories."""
    for link in links:
        path = locate(link.path or "", root)
        if link.kind == "policy" and link.path:
            yield from (path / name for name in (POLICY_RECORD, "README.md"))
        elif link.kind in {"receipt", "history"}:
            yield path
        elif link.kind in {"metrics", "predictions", "file"} and path.is_relative_to(root):
            if not path.is_file():
                raise InputError(f"{path}: gone, but tables were made from it; make them again")
            yield path  # of a checkout, the package's own files are among them


def _name_in(root: Path, path: Path) -> str:
    try:
        return path.resolve().relative_to(root).as_posix()
    except ValueError:
        raise InputError(
            f"{path}: lies outside of the project's folder, {root}; expected results made by its "
            "rules: make them with snakemake"
        ) from None


def _code(root: Path) -> dict[str, Any]:
    """The revision and changed files, if `root` is a repository; the metadata has hashes."""
    top = _git(root, "rev-parse", "--show-toplevel")
    # `root` may lie inside another repository.
    own = top is not None and Path(top).resolve() == root.resolve()
    changed = _git(root, "status", "-s") if own else None
    return {
        "version": __version__,
        "revision": _git(root, "rev-parse", "HEAD") if own else None,
        "changed": None if changed is None else changed.splitlines(),
    }


def _git(root: Path, *words: str) -> str | None:
    """What git prints of the repository that holds `root`; None where it fails."""
    program = find_program("git")
    if program is None:
        return None
    # GIT_DIR and the like, which git sets in its hooks, point to another repository.
    environment = {name: value for name, value in os.environ.items() if name[:4] != "GIT_"}
    done = subprocess.run(
        [program, "-C", str(root), *words],
        capture_output=True, text=True, errors="replace", check=False, env=environment,
    )  # fmt: skip
    return done.stdout.removesuffix("\n") if done.returncode == 0 else None


def _json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


def _metadata(
    contents: Mapping[str, bytes], title: str, finished: str, made: Iterable[str],
    things: Mapping[str | None, str],
) -> dict[str, Any]:  # fmt: skip
    """The content of `ro-crate-metadata.json`: inputs, workflow and results of the run.

    `made` are names of its results; `things` maps the sha256 of each input that the archive does
    not contain to its name.
    """
    crate = ROCrate(version="1.1")
    # Of the profile, and not of RO-Crate 1.1.
    crate.metadata.extra_terms["sha256"] = "https://w3id.org/ro/terms/workflow-run#sha256"
    crate.name, crate.description, crate.datePublished = title, _ABOUT, finished
    work = {"@type": "CreativeWork"}
    crate.license = licence = crate.add_jsonld(
        {"@id": _LICENCE, **work, "name": "Apache-2.0", "description": _OWN}
    )
    files = {}
    for name, content in contents.items():
        facts = {
            "name": name, "contentSize": str(len(content)),
            "sha256": hashlib.sha256(content).hexdigest(),
            "encodingFormat": _FORMATS.get(Path(name).suffix, "text/plain"),
        }  # fmt: skip
        if name == "Snakefile":
            about = facts | {**_WORKFLOW, "version": __version__, "license": licence}
            files[name] = crate.add_workflow(
                dest_path=name, properties=about, main=True, lang="snakemake"
            )
        else:
            files[name] = crate.add_file(dest_path=name, properties=facts)
    outside = [
        crate.add_jsonld({"@id": f"#{sha256}", **work, "name": name, "sha256": sha256,
                          "identifier": f"sha256:{sha256}"})
        for sha256, name in things.items()
    ]  # fmt: skip
    workflow = files["Snakefile"]
    inputs = [files[name] for name in _INPUTS if name in files]
    for name, entity in zip(_INPUTS, inputs, strict=False):
        parameter = crate.add_formal_parameter(
            name, "File", identifier=f"#input-{Path(name).stem}", description=_INPUTS[name],
            properties={"workExample": entity},
        )  # fmt: skip
        workflow.append_to("input", parameter)
        entity["exampleOfWork"] = parameter
    about = {
        "name": title, "endTime": finished,
        "actionStatus": "http://schema.org/CompletedActionStatus",
        "description": "the rules of the Snakefile, from data sets to report",
    }  # fmt: skip
    results = [files[name] for name in sorted(made)]
    action = crate.add_action(workflow, "#run", [*inputs, *outside], results, about)
    crate.root_dataset["mentions"] = action
    crate.root_dataset["conformsTo"] = [
        crate.add_jsonld({"@id": address, **work, "name": name, "version": version})
        for address, (name, version) in _PROFILES.items()
    ]
    if "README.md" in files:
        files["README.md"]["about"] = crate.root_dataset
    found: dict[str, Any] = crate.metadata.generate()
    return found
