"""The metadata of an archive, by the Workflow Run RO-Crate profile: what ran on what gave what.

Source: https://w3id.org/ro/wfrun/workflow/0.5, which builds on Process Run Crate 0.5 and Workflow
RO-Crate 1.0, all of RO-Crate 1.1.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rocrate.model import ComputationalWorkflow, ContextEntity, File
from rocrate.rocrate import ROCrate

from vqathinker import __version__

__all__ = ["Entry", "crate_metadata"]

_PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
_OF_METADATA = ("https://w3id.org/ro/crate/1.1", *list(_PROFILES)[2:])
# Of the profile, and not of RO-Crate 1.1.
_TERMS = {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}
_LICENCE = "https://spdx.org/licenses/Apache-2.0"
_FORMATS = {
    ".csv": "text/csv", ".json": "application/json", ".md": "text/markdown", ".py": "text/x-python",
    ".html": "text/html", ".png": "image/png", ".svg": "image/svg+xml", ".tex": "application/x-tex",
    ".txt": "text/plain", ".parquet": "application/vnd.apache.parquet", ".sh": "application/x-sh",
    ".yaml": "application/yaml", ".toml": "application/toml", ".lock": "application/yaml",
}  # fmt: skip
_WORKFLOW = "Snakefile"
_BIOSCHEMAS = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
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


class Entry(NamedTuple):
    """A file of an archive: its name there, and where its bytes are or what they are."""

    name: str
    path: Path | None
    content: bytes | None

    def read(self) -> bytes:
        """The bytes."""
        if self.path is not None:
            return self.path.read_bytes()
        return self.content or b""


def crate_metadata(
    entries: Sequence[Entry],
    title: str,
    finished: str,
    *,
    results: Sequence[str],
    things: Sequence[Mapping[str, str]],
) -> dict[str, Any]:
    """What `ro-crate-metadata.json` holds.

    Args:
        entries: every other file, among them Snakefile, params.yaml and parameters/resolved.yaml.
        title: name of the crate.
        finished: when the results were made, in ISO 8601.
        results: names of those entries that the run made.
        things: `name` and `sha256` of what it needed and the crate does not contain.
    """
    crate = ROCrate(version="1.1")
    crate.metadata.extra_terms.update(_TERMS)
    crate.name, crate.description = title, _ABOUT
    crate.root_dataset["datePublished"] = finished
    crate.license = crate.add(_thing(crate, _LICENCE, "CreativeWork", "Apache-2.0", about=_OWN))
    files = {entry.name: _add_file(crate, entry) for entry in entries}
    workflow = files[_WORKFLOW]
    outside = [_add_outside(crate, thing) for thing in _unique(things)]
    inputs = [files[name] for name in _INPUTS if name in files]
    for entity in inputs:
        entity["exampleOfWork"] = _add_parameter(crate, workflow, entity)
    workflow["programmingLanguage"] = _add_snakemake(crate)
    crate.mainEntity = workflow
    action = crate.add_action(
        workflow,
        "#run",
        object=[*inputs, *outside],
        result=[files[name] for name in results if name in files],
        properties={
            "name": title,
            "endTime": finished,
            "actionStatus": "http://schema.org/CompletedActionStatus",
            "description": "the rules of the Snakefile, from data sets to report",
        },
    )
    crate.root_dataset["mentions"] = action
    crate.root_dataset["conformsTo"] = [
        crate.add(_thing(crate, address, "CreativeWork", name, version=version))
        for address, (name, version) in _PROFILES.items()
    ]
    crate.metadata["conformsTo"] = [{"@id": address} for address in _OF_METADATA]
    if "README.md" in files:
        files["README.md"]["about"] = crate.root_dataset
    found: dict[str, Any] = crate.metadata.generate()
    return found


def _add_file(crate: ROCrate, entry: Entry) -> File:
    content = entry.read()
    facts = {
        "name": entry.name,
        "contentSize": str(len(content)),
        "sha256": hashlib.sha256(content).hexdigest(),
        "encodingFormat": _FORMATS.get(Path(entry.name).suffix, "text/plain"),
    }
    kind = ComputationalWorkflow if entry.name == _WORKFLOW else File
    made = kind(crate, source=entry.path, dest_path=entry.name, properties=facts)
    if entry.name == _WORKFLOW:
        made["name"], made["license"] = "VQAThinker", crate.dereference(_LICENCE)
        made["description"] = "From data sets to tables of video quality assessment."
        made["version"], made["conformsTo"] = __version__, {"@id": _BIOSCHEMAS}
    return crate.add(made)


def _unique(things: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
    return list({thing["sha256"]: thing for thing in things}.values())


def _add_outside(crate: ROCrate, thing: Mapping[str, str]) -> ContextEntity:
    facts = {"sha256": thing["sha256"], "identifier": f"sha256:{thing['sha256']}"}
    name = thing["name"]
    return crate.add(_thing(crate, f"#{thing['sha256']}", "CreativeWork", name, **facts))


def _add_parameter(crate: ROCrate, workflow: File, entity: File) -> ContextEntity:
    name = entity["name"]
    parameter = crate.add_formal_parameter(
        name, "File", identifier=f"#input-{Path(name).stem}", description=_INPUTS[name],
        properties={"workExample": entity},
    )  # fmt: skip
    workflow.append_to("input", parameter)
    return parameter


def _add_snakemake(crate: ROCrate) -> ContextEntity:
    address = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"
    more = {"identifier": {"@id": "https://doi.org/10.1093/bioinformatics/bts480"}}
    home = {"url": {"@id": "https://snakemake.readthedocs.io"}}
    return crate.add(_thing(crate, address, "ComputerLanguage", "Snakemake", **more, **home))


def _thing(crate: ROCrate, address: str, kind: str, name: str, **facts: Any) -> ContextEntity:
    about = {"description": facts.pop("about")} if "about" in facts else {}
    return ContextEntity(crate, address, properties={"@type": kind, "name": name, **about, **facts})
