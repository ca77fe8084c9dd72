"""Scales that rehearse others: copies of them with the changes of overlay.yaml."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from tests.rehearsal.sets import counts

from vqathinker.phases.parameters import Tree, merge

PREFIX = "rehearsal"
REHEARSED = ("paper", "single-gpu")
_OVERLAY = yaml.safe_load(Path(__file__).with_name("overlay.yaml").read_text(encoding="utf-8"))


def with_rehearsals(config: Mapping[str, Any], judge_url: str = "http://127.0.0.1:0/v1") -> Tree:
    """params.yaml with the additional scales `rehearsal` and `rehearsal-single-gpu`.

    Args:
        config: params.yaml as written.
        judge_url: address of the stand-in for a judge.
    """
    scales = dict(config["scales"])
    for name in REHEARSED:
        changed = merge(merge(scales[name], _OVERLAY["all"]), _OVERLAY[name])
        changed = merge(changed, {"data": {"counts": counts()}, "judge": {"url": judge_url}})
        changed["runs"] = {run: _row(row) for run, row in changed["runs"].items()}
        scales[scale_of(name)] = changed
    return {**config, "scales": scales}


def scale_of(rehearsed: str) -> str:
    """Name of the scale that rehearses another."""
    return PREFIX if rehearsed == "paper" else f"{PREFIX}-{rehearsed}"


def _row(row: Mapping[str, Any]) -> Tree:
    changed = dict(row)
    if "clips" in row:
        settings = _OVERLAY["settings"]
        changed["clips"] = {key: settings.get(value, value) for key, value in row["clips"].items()}
    if row["group"] == "ablation" and row["train"]:
        changed = merge(changed, _OVERLAY["ablations"])
    return changed
