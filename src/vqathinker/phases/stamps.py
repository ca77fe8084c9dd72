"""Stamps: one small file a phase, rewritten only when what the phase depends on changed.

That is its parameters, its code, the cards of its sets and the pinned versions of its packages.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vqathinker.atomic import whole_file
from vqathinker.phases.changes import changes_between, describe_changes
from vqathinker.phases.hashing import card_hashes, code_of_phase, imports_of_phase
from vqathinker.phases.parameters import DOWNLOAD, Tree, phase_names, phase_params
from vqathinker.phases.versions import versions_of
from vqathinker.phases.yaml12 import dump_yaml, parse_yaml

__all__ = ["describe_out_of_date", "settle_stamps", "stamp_path", "write_stamp", "write_stamps"]

STAMPS = Path("workflow/stamps")

# Phases whose commands read cards.
_WITH_CARDS = {"data", "absent", "report"}


def stamp_path(scale: str, phase: str) -> Path:
    """Where a phase's stamp lies, from the project's root."""
    return STAMPS / scale / f"{phase}.yaml"


def write_stamps(params: Mapping[str, Any], source: Path) -> None:
    """Write the stamps of every phase that changed, and how files come.

    Args:
        source: the folder of the package; `src` in a checkout, beside which versions are pinned.
    """
    software: dict[str, Tree] = {}  # that of all trainings is one, and takes time to find
    for phase in phase_names(params):
        kind = phase.split("-", maxsplit=1)[0]
        if kind not in software:
            software[kind] = _software(kind, source)
        content = {"phase": phase, "params": phase_params(params, phase), **software[kind]}
        if phase in _WITH_CARDS:
            content["cards"] = card_hashes(params, source / "vqathinker")
        write_stamp(stamp_path(params["scale"], phase), content)
    settings = {"phase": DOWNLOAD, "params": {key: params[key] for key in ("scale", DOWNLOAD)}}
    write_stamp(stamp_path(params["scale"], DOWNLOAD), settings)


def _software(kind: str, source: Path) -> Tree:
    """Code of a phase, and versions where a checkout pins them."""
    versions = versions_of(kind, imports_of_phase(kind, source), source.parent)
    return {"code": code_of_phase(kind, source)} | ({"versions": versions} if versions else {})


def write_stamp(path: Path, content: Tree) -> None:
    """Bring one stamp up to date; leave it untouched, with its time, if it is already.

    A dry run must not make results look out of date once the parameters are set back. So what it
    replaces is kept as `.before` (empty where nothing was), and comes back with its old time if it
    is wanted again before `settle_stamps` says that jobs have run. Until then nothing was made
    under the new stamp, and it gets a new time with every run: files that `dvc pull` brought after
    a dry run would else look newer, and pass for what they are not.
    """
    before = path.with_suffix(".before")
    if _holds(path, content):
        if before.exists():
            path.touch()
        return
    if _holds(before, content):
        before.replace(path)
        return
    if not before.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.replace(before) if path.exists() else before.touch()
    # Snakemake forgives a newer input whose checksum it has seen, so the time is part of it.
    written = {"written": datetime.now(UTC).isoformat(), **content}
    with whole_file(path) as part:
        part.write_text(dump_yaml(written), encoding="utf-8")


def settle_stamps(scale: str) -> None:
    """Jobs start under the present stamps: forget what they replaced."""
    for before in (STAMPS / scale).glob("*.before"):
        before.unlink(missing_ok=True)


def describe_out_of_date(scale: str) -> list[str]:
    """Which phases changed since jobs last ran, and how; nothing before the first run."""
    changed = {
        before.stem: changes_between(_read(before), _read(before.with_suffix(".yaml")))
        for before in sorted((STAMPS / scale).glob("*.before"))
        if before.stat().st_size
    }
    changed.pop(DOWNLOAD, None)  # makes nothing out of date
    return describe_changes(changed)


def _holds(path: Path, content: Tree) -> bool:
    if not path.is_file():
        return False
    stamp = _read(path)
    stamp.pop("written", None)
    return json.dumps(stamp, sort_keys=True) == json.dumps(content, sort_keys=True)


def _read(path: Path) -> Tree:
    stamp: Tree = parse_yaml(path.read_text(encoding="utf-8")) or {}
    return stamp
