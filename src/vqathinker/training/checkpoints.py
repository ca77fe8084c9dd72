"""Checkpoints of a run: written atomically, checked before a run resumes, pruned.

A checkpoint is written to the folder `UNFINISHED` and gets its name once all of its files are on
disk. It lists its files with their sizes, so that later damage is noticed.
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

FINGERPRINT = "run.json"
PROCESSES = "processes"  # of a fingerprint
UNFINISHED = ".unfinished"

_LISTING = "files.json"
_log = logging.getLogger(__name__)


class TrainingError(ValueError):
    """A run cannot start, or was stopped; the message says what to change."""


def finish_checkpoint(part: Path, final: Path, provenance: Mapping[str, Any]) -> None:
    """Give the checkpoint in the folder `part` its name, with its provenance and list of files."""
    (part / "provenance.json").write_text(json.dumps(dict(provenance), indent=1), encoding="utf-8")
    files = [path for path in sorted(part.rglob("*")) if path.is_file()]
    sizes = {path.relative_to(part).as_posix(): path.stat().st_size for path in files}
    (part / _LISTING).write_text(json.dumps(sizes, indent=1), encoding="utf-8")
    for path in files:
        with path.open("rb") as file:
            os.fsync(file.fileno())
    replace_folder(part, final)


def last_whole_checkpoint(out: Path, fingerprint: Mapping[str, str]) -> Path | None:
    """The checkpoint below `out`/checkpoints to resume from; None: start from the beginning.

    Checkpoints of a run with another fingerprint are moved to `checkpoints.before-<n>`, damaged
    ones are removed; both are logged.

    Raises:
        TrainingError: only the number of processes differs. Each of them holds a share of a
            checkpoint, and a step would have other videos.
    """
    folder, note = out / "checkpoints", out / FINGERPRINT
    restore_folders(folder)
    before = _read(note)
    changed = [key for key in fingerprint if (before or {}).get(key) != fingerprint[key]]
    if changed == [PROCESSES] and before and whole_checkpoints(folder):
        raise TrainingError(
            f"{folder}: checkpoints of {before[PROCESSES]} processes, but this run has "
            f"{fingerprint[PROCESSES]}; set training.launch to have the same number, or remove the "
            "folder to start again"
        )
    if changed or before is None:
        _put_aside(folder, changed)
        with whole_file(note) as part:
            part.write_text(json.dumps(dict(fingerprint), indent=1), encoding="utf-8")
    shutil.rmtree(folder / UNFINISHED, ignore_errors=True)
    for path in sorted(folder.glob("checkpoint-*"), key=step_of, reverse=True):
        if (fault := fault_of(path)) is None:
            return path
        _log.warning("%s: %s; it is removed, and training resumes from the one before", path, fault)
        shutil.rmtree(path)
    return None


def _put_aside(folder: Path, changed: list[str]) -> None:
    """Move checkpoints away: they are not deleted, for they may be days of work."""
    if not whole_checkpoints(folder):
        shutil.rmtree(folder, ignore_errors=True)
        return
    names = (folder.with_name(f"{folder.name}.before-{n}") for n in itertools.count(1))
    aside = folder.replace(next(name for name in names if not name.exists()))
    _log.warning(
        "%s: checkpoints of a run with other %s, now in %s; training starts from the beginning. "
        "Remove that folder if you do not need it", folder, ", ".join(changed), aside.name,
    )  # fmt: skip


def whole_checkpoints(folder: Path) -> list[Path]:
    """The undamaged checkpoints in `folder`, the one with most steps last."""
    found = sorted(folder.glob("checkpoint-*"), key=step_of)
    return [path for path in found if fault_of(path) is None]


def finished_log(checkpoint: Path) -> list[dict[str, Any]] | None:
    """The log of a run that this checkpoint completes; None if steps are left.

    Its trainer must not be started again: in the middle of an epoch it would make another step.
    """
    state = _read(checkpoint / "trainer_state.json")
    if state is None or state["global_step"] < state["max_steps"]:
        return None
    log: list[dict[str, Any]] = state["log_history"]
    return log


def step_of(checkpoint: Path) -> int:
    """Optimiser steps of a checkpoint, from its name."""
    return int(checkpoint.name.rpartition("-")[2])


def fault_of(checkpoint: Path) -> str | None:
    """Why training cannot resume from a checkpoint; None if it can."""
    listed = _read(checkpoint / _LISTING)
    if listed is None:
        return f"no {_LISTING}, so it was never finished"
    for name, size in listed.items():
        path = checkpoint / name
        if not path.is_file():
            return f"{name} is gone"
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
    """Remove from `folder` all checkpoints but the newest `keep` undamaged ones."""
    kept = whole_checkpoints(folder)[-keep:]
    for path in folder.glob("checkpoint-*"):
        if path not in kept:
            shutil.rmtree(path)
