"""Checkpoints of a run: whole under their name, found again after a kill, and only of this run.

A checkpoint is written to the folder `UNFINISHED` and gets its name when every file of it is on the
disk. It lists its files with their sizes, so that one which was damaged later is known, too.
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
from vqathinker.training.errors import TrainingError

__all__ = [
    "FINGERPRINT",
    "PROCESSES",
    "UNFINISHED",
    "fault_of",
    "finish_checkpoint",
    "finished_log",
    "last_whole_checkpoint",
    "step_of",
    "unlogged_file",
    "whole_checkpoints",
]

FINGERPRINT = "run.json"
PROCESSES = "processes"  # of a fingerprint
UNFINISHED = ".unfinished"

_LISTING = "files.json"
_log = logging.getLogger(__name__)


def unlogged_file(process: int) -> str:
    """File in a checkpoint: what a process has accumulated since the last row of the log."""
    return f"unlogged_{process}.json"


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
    """The checkpoint to go on from below `out`/checkpoints; None: from the beginning.

    Checkpoints of a run with another fingerprint are put aside, as `checkpoints.before-<n>`, and
    damaged ones are removed, both with a word.

    Raises:
        TrainingError: only the number of processes is another. They hold a share of a checkpoint
            each, and a step of theirs has other videos.
    """
    folder, note = out / "checkpoints", out / FINGERPRINT
    restore_folders(folder)
    before = _read(note)
    if before is not None and before | {PROCESSES: fingerprint[PROCESSES]} == dict(fingerprint):
        _require_same_processes(folder, before[PROCESSES], fingerprint[PROCESSES])
    if before != dict(fingerprint):
        _put_aside(folder, before or {}, fingerprint)
        with whole_file(note) as part:
            part.write_text(json.dumps(dict(fingerprint), indent=1), encoding="utf-8")
    shutil.rmtree(folder / UNFINISHED, ignore_errors=True)
    for path in sorted(folder.glob("checkpoint-*"), key=step_of, reverse=True):
        if (fault := fault_of(path)) is None:
            return path
        _log.warning("%s: %s; it is removed, training goes on from the one before", path, fault)
        shutil.rmtree(path)
    return None


def _put_aside(folder: Path, before: Mapping[str, Any], now: Mapping[str, str]) -> None:
    """Nothing is deleted because something changed: it may be days of work."""
    if not whole_checkpoints(folder):
        shutil.rmtree(folder, ignore_errors=True)
        return
    numbers = (
        n for n in itertools.count(1) if not folder.with_name(f"{folder.name}.before-{n}").exists()
    )
    aside = folder.with_name(f"{folder.name}.before-{next(numbers)}")
    folder.replace(aside)
    changed = [key for key in now if before.get(key) != now[key]]
    _log.warning(
        "%s: checkpoints of a run with other %s, now in %s; training begins anew. Remove that "
        "folder if you do not need them",
        folder,
        ", ".join(changed),
        aside.name,
    )


def _require_same_processes(folder: Path, before: str, now: str) -> None:
    if before != now and whole_checkpoints(folder):
        raise TrainingError(
            f"{folder}: checkpoints of {before} processes, but there are {now} now; set "
            "training.launch so that there are as many, or remove the folder to begin anew"
        )


def whole_checkpoints(folder: Path) -> list[Path]:
    """The checkpoints in `folder` that can be gone on from, the one with most steps last."""
    found = sorted(folder.glob("checkpoint-*"), key=step_of)
    return [path for path in found if fault_of(path) is None]


def finished_log(checkpoint: Path) -> list[dict[str, Any]] | None:
    """What a run logged whose last step is behind this checkpoint; None where steps are left.

    Its trainer must not be started again: in the middle of an epoch it would do one step more.
    """
    state = _read(checkpoint / "trainer_state.json")
    if state is None or state["global_step"] < state["max_steps"]:
        return None
    log: list[dict[str, Any]] = state["log_history"]
    return log


def step_of(checkpoint: Path) -> int:
    """Optimiser steps behind a checkpoint, from its name."""
    return int(checkpoint.name.rpartition("-")[2])


def fault_of(checkpoint: Path) -> str | None:
    """Why a checkpoint cannot be gone on from; None for a whole one."""
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
    """A JSON object; None where there is none, or half of one."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return content if isinstance(content, dict) else None
