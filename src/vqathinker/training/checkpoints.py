"""Checkpoints of a run: written atomically, checked before a run resumes, pruned.

A checkpoint is written to the folder `UNFINISHED` and renamed once all of its files are on disk. It
lists its files with their sizes, so that later damage is noticed.
"""

import itertools
import json
import logging
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vqathinker.atomic import replace_folder, restore_folders, whole_file
from vqathinker.errors import InputError

FINGERPRINT_FILE = "run.json"
PROCESSES = "processes"  # key of a fingerprint
UNFINISHED = ".unfinished"

_FILE_LIST = "files.json"
_log = logging.getLogger(__name__)


def finish_checkpoint(part: Path, final: Path, provenance: Mapping[str, Any]) -> None:
    """Add provenance and file list to the checkpoint in the folder `part`, and rename it."""
    (part / "provenance.json").write_text(json.dumps(dict(provenance), indent=1), encoding="utf-8")
    files = [path for path in sorted(part.rglob("*")) if path.is_file()]
    sizes = {path.relative_to(part).as_posix(): path.stat().st_size for path in files}
    (part / _FILE_LIST).write_text(json.dumps(sizes, indent=1), encoding="utf-8")
    for path in files:
        with path.open("rb") as file:
            os.fsync(file.fileno())  # a rename may reach the disk before the content
    replace_folder(part, final)


def checkpoint_to_resume(out: Path, fingerprint: Mapping[str, str]) -> Path | None:
    """The newest intact checkpoint in `out`/checkpoints; None: start from the beginning.

    Moves checkpoints of a run with another fingerprint to `checkpoints.before-<n>` and removes
    damaged ones; logs both.

    Raises:
        InputError: only the number of processes differs. Each process holds a share of a
            checkpoint, and a step would have other videos.
    """
    folder, note = out / "checkpoints", out / FINGERPRINT_FILE
    restore_folders(folder)
    before = _read(note)
    changed = [key for key in fingerprint if (before or {}).get(key) != fingerprint[key]]
    if changed == [PROCESSES] and before and intact_checkpoints(folder):
        raise InputError(
            f"{folder}: checkpoints of {before[PROCESSES]} processes, but this run has "
            f"{fingerprint[PROCESSES]}; set training.launch to use the same number, or remove the "
            "folder to start over"
        )
    if changed or before is None:
        _archive(folder, changed)
        with whole_file(note) as part:
            part.write_text(json.dumps(dict(fingerprint), indent=1), encoding="utf-8")
    shutil.rmtree(folder / UNFINISHED, ignore_errors=True)
    for path in sorted(folder.glob("checkpoint-*"), key=step_of, reverse=True):
        if (damage := find_damage(path)) is None:
            return path
        _log.warning("%s: %s; removed it to resume from the previous checkpoint", path, damage)
        shutil.rmtree(path)
    return None


def _archive(folder: Path, changed: list[str]) -> None:
    """Move checkpoints away. They are not deleted, because they may be days of work."""
    if not intact_checkpoints(folder):
        shutil.rmtree(folder, ignore_errors=True)
        return
    names = (folder.with_name(f"{folder.name}.before-{n}") for n in itertools.count(1))
    archive = folder.replace(next(name for name in names if not name.exists()))
    _log.warning(
        "%s: checkpoints of a run with other %s; moved them to %s. Training starts from the "
        "beginning. Remove that folder if you do not need it",
        folder,
        ", ".join(changed),
        archive.name,
    )


def intact_checkpoints(folder: Path) -> list[Path]:
    """The undamaged checkpoints in `folder`, in the order of their steps."""
    found = sorted(folder.glob("checkpoint-*"), key=step_of)
    return [path for path in found if find_damage(path) is None]


def finished_log(checkpoint: Path) -> list[dict[str, Any]] | None:
    """The log history of a run that this checkpoint completes; None if steps are left."""
    # The trainer must not start again: in the middle of an epoch it would make another step.
    state = _read(checkpoint / "trainer_state.json")
    if state is None or state["global_step"] < state["max_steps"]:
        return None
    log: list[dict[str, Any]] = state["log_history"]
    return log


def step_of(checkpoint: Path) -> int:
    """Optimiser steps of a checkpoint, from its name."""
    return int(checkpoint.name.rpartition("-")[2])


def find_damage(checkpoint: Path) -> str | None:
    """Why training cannot resume from a checkpoint; None if it can."""
    sizes = _read(checkpoint / _FILE_LIST)
    if sizes is None:
        return f"no {_FILE_LIST}: the checkpoint is incomplete"
    for name, size in sizes.items():
        path = checkpoint / name
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != size:
            return f"{name} has {path.stat().st_size} bytes, expected {size}"
    return None


def _read(path: Path) -> dict[str, Any] | None:
    """A JSON object; None if the file is missing or truncated."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def prune_checkpoints(folder: Path, keep: int) -> None:
    """Remove all checkpoints from `folder` but the newest `keep` undamaged ones."""
    kept = intact_checkpoints(folder)[-keep:]
    for path in folder.glob("checkpoint-*"):
        if path not in kept:
            shutil.rmtree(path)
