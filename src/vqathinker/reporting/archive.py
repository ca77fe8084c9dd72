"""Results of a scale and everything they come from, as an RO-Crate in a reproducible zip.

It contains results and provenance, parameters (as written and as resolved), environment, rules and
code, receipts of data sets, and provenance of policies. Videos, labels and weights are not
included, because their owners decide who may have them. They are listed with their hashes.

The metadata follows the Workflow Run RO-Crate profile, https://w3id.org/ro/wfrun/workflow/0.5,
which builds on Process Run Crate 0.5 and Workflow RO-Crate 1.0, all of RO-Crate 1.1.
"""

import hashlib
import json
import os
import shutil
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
from vqathinker.evaluation.origins import package_versions
from vqathinker.phases.parameters import read_params
from vqathinker.phases.yaml12 import dump_yaml
from vqathinker.policy.folder.hashes import PROVENANCE as POLICY_RECORD
from vqathinker.policy.machine import describe_machine
from vqathinker.reporting.provenance import Link, locate, read_provenance

# Files and folders of the project that are included if they exist.
_PROJECT = ("Snakefile", "params.yaml", "constraints.txt", "pyproject.toml", "dvc.yaml", "dvc.lock",
            "README.md", "LICENSE", "envs", "workflow", "cards", "src")  # fmt: skip
_PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
_LICENCE = {
    "@id": "https://spdx.org/licenses/Apache-2.0", "@type": "CreativeWork", "name": "Apache-2.0",
    "description": "Licence of the workflow and its results; data sets and policies have others.",
}  # fmt: skip
_FORMATS = {
    ".csv": "text/csv", ".json": "application/json", ".md": "text/markdown", ".py": "text/x-python",
    ".html": "text/html", ".png": "image/png", ".svg": "image/svg+xml", ".tex": "application/x-tex",
    ".parquet": "application/vnd.apache.parquet", ".yaml": "application/yaml",
}  # fmt: skip
_DESCRIPTION = (
    "Predictions, metrics, tables and figures of VQAThinker, video quality assessment by "
    "reinforcement learning, with provenance, parameters, environment and code. Videos, labels and "
    "weights are not included, but listed with their hashes."
)
_INPUTS = {
    "params.yaml": "every parameter, as written",
    "parameters/resolved.yaml": "the parameters of this scale",
}
_WORKFLOW = {
    "name": "VQAThinker",
    "description": "From data sets to tables of video quality assessment.",
    "conformsTo": {"@id": "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"},
    "version": __version__,
}
_REFERENCED_KINDS = {"manifest", "labels", "policy"}  # too large, or not ours to share


def archive(results: Path, out: Path, params: Path) -> int:
    """Pack a results folder and its provenance as the zip `out`; returns the number of files.

    Two archives of the same files have the same bytes: the date is that of the newest result.

    Raises:
        InputError: the folder has no tables, a source file of the tables is missing, or there is no
            Snakefile.
    """
    provenance = read_provenance(results)
    root = provenance.root(results).resolve()
    if not (root / "Snakefile").is_file():
        raise InputError(f"{root}: has no Snakefile; run the command in the project's folder")
    links, outputs = list(provenance.links()), list(_files_below(results))
    found = {_name_in(root, path): path for path in outputs}
    found |= {_name_in(root, path): path for path in _files_of(links, root) if path.is_file()}
    project = [path for name in _PROJECT for path in _files_below(root / name)]
    contents = {_name_in(root, path): path.read_bytes() for path in [*project, *found.values()]}
    scale = provenance.params.get("scale")
    resolved = read_params(params, [f"scale={scale}"] if scale else [])
    pairs = ((str(one.metadata["Name"]), one.version) for one in distributions())
    packages = dict(sorted(pairs, key=lambda pair: pair[0].lower()))
    contents |= {
        "parameters/resolved.yaml": dump_yaml(resolved, allow_unicode=True).encode(),
        "environment.json": _json(
            {**package_versions(), "machine": describe_machine(), "packages": packages}
        ),
        "code.json": _json(_code(root)),
    }
    contents = dict(sorted(contents.items()))
    title = f"{resolved['report']['title']}: results of scale {resolved['scale']}"
    newest = max(path.stat().st_mtime for path in outputs)
    finished = datetime.fromtimestamp(int(newest), UTC).isoformat()
    referenced = {
        link.sha256: f"{link.kind} {link.path or ''}".strip()
        for link in links
        if link.kind in _REFERENCED_KINDS and link.sha256
    }
    metadata = _json(_metadata(contents, title, finished, sorted(found), referenced))
    with whole_file(out) as part, ZipFile(part, "w") as file:
        for name, content in {"ro-crate-metadata.json": metadata, **contents}.items():
            info = ZipInfo(name)  # the default date is fixed: 1980-01-01
            info.compress_type, info.external_attr = ZIP_DEFLATED, 0o644 << 16
            file.writestr(info, content)
    return len(contents) + 1


def _files_below(path: Path) -> Iterator[Path]:
    for file in [path] if path.is_file() else sorted(path.rglob("*")):
        parts = file.relative_to(path).parts
        hidden = any(part.startswith(".") or part in {"__pycache__", "keys"} for part in parts)
        if file.is_file() and not hidden and file.suffix != ".pyc":
            yield file


def _files_of(links: Iterable[Link], root: Path) -> Iterator[Path]:
    """Source files of tables, receipts, provenance of policies, and histories."""
    for link in links:
        path = locate(link.path or "", root)
        if link.kind == "policy" and link.path:
            yield from (path / name for name in (POLICY_RECORD, "README.md"))
        elif link.kind in {"receipt", "history"}:
            yield path
        elif link.kind in {"metrics", "predictions", "file"} and path.is_relative_to(root):
            if not path.is_file():
                raise InputError(f"{path}: missing, but tables were made from it; make them again")
            yield path  # in a checkout, also the package's published results


def _name_in(root: Path, path: Path) -> str:
    if not path.resolve().is_relative_to(root):
        raise InputError(
            f"{path}: outside the project's folder, {root}; expected results that snakemake made "
            "in this project"
        )
    return path.resolve().relative_to(root).as_posix()


def _code(root: Path) -> dict[str, Any]:
    """Revision and changed files of a git repository; None for a folder that is not one."""
    revision, changed = _git(root, "rev-parse", "HEAD"), _git(root, "status", "-s")
    first = revision[0] if revision else None
    return {"version": __version__, "revision": first, "changed": changed}


def _git(root: Path, *words: str) -> list[str] | None:
    """Output lines of a git command; None if `root` is not a repository or git is missing."""
    program = shutil.which("git")
    if program is None or not (root / ".git").exists():  # git would search the parent folders
        return None
    # Git hooks set variables such as GIT_DIR, which may point to another repository.
    environment = {name: value for name, value in os.environ.items() if name[:4] != "GIT_"}
    done = subprocess.run(
        [program, "-C", str(root), *words],
        capture_output=True, text=True, errors="replace", check=False, env=environment,
    )  # fmt: skip
    return done.stdout.splitlines() if done.returncode == 0 else None


def _json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


def _metadata(
    contents: Mapping[str, bytes], title: str, finished: str, outputs: Iterable[str],
    referenced: Mapping[str, str],
) -> dict[str, Any]:  # fmt: skip
    """The content of `ro-crate-metadata.json`: inputs, workflow and results of the run.

    `outputs` are names of results. `referenced` maps the SHA-256 of each input that is not included
    to its name.
    """
    crate = ROCrate(version="1.1")
    # A term of the profile, which RO-Crate 1.1 does not have.
    crate.metadata.extra_terms["sha256"] = "https://w3id.org/ro/terms/workflow-run#sha256"
    crate.name, crate.description, crate.datePublished = title, _DESCRIPTION, finished
    crate.license = licence = crate.add_jsonld(dict(_LICENCE))
    files = {}
    for name, content in contents.items():
        facts: dict[str, Any] = {
            "name": name, "contentSize": str(len(content)),
            "sha256": hashlib.sha256(content).hexdigest(),
            "encodingFormat": _FORMATS.get(Path(name).suffix, "text/plain"),
        }  # fmt: skip
        if name == "Snakefile":
            facts |= {**_WORKFLOW, "license": licence}
            files[name] = crate.add_workflow(
                dest_path=name, properties=facts, main=True, lang="snakemake"
            )
        else:
            files[name] = crate.add_file(dest_path=name, properties=facts)
    others = [
        crate.add_jsonld({"@id": f"#{sha256}", "@type": "CreativeWork", "name": name,
                          "sha256": sha256, "identifier": f"sha256:{sha256}"})
        for sha256, name in referenced.items()
    ]  # fmt: skip
    inputs = {name: files[name] for name in _INPUTS if name in files}
    for name, entity in inputs.items():
        parameter = crate.add_formal_parameter(
            name, "File", identifier=f"#input-{Path(name).stem}", description=_INPUTS[name],
            properties={"workExample": entity},
        )  # fmt: skip
        files["Snakefile"].append_to("input", parameter)
        entity["exampleOfWork"] = parameter
    action = crate.add_action(
        files["Snakefile"], "#run", [*inputs.values(), *others], [files[name] for name in outputs],
        {"name": title, "endTime": finished,
         "actionStatus": "http://schema.org/CompletedActionStatus",
         "description": "the rules of the Snakefile, from data sets to report"},
    )  # fmt: skip
    crate.root_dataset["mentions"] = action
    crate.root_dataset["conformsTo"] = [
        crate.add_jsonld(
            {"@id": address, "@type": "CreativeWork", "name": name, "version": version}
        )
        for address, (name, version) in _PROFILES.items()
    ]
    found: dict[str, Any] = crate.metadata.generate()
    return found
