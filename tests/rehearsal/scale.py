"""Scales that rehearse others: derived from them, changed in what overlay.yaml lists alone."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from vqathinker.phases.parameters import Tree, merge

__all__ = ["KINDS", "PREFIX", "allowed", "differences", "with_rehearsals"]

PREFIX = "rehearsal"
KINDS = ("sizes", "hosts", "steps")
_OVERLAY = Path(__file__).with_name("overlay.yaml")


def with_rehearsals(
    config: Mapping[str, Any], counts: Mapping[str, int], judge_url: str | None = None
) -> Tree:
    """params.yaml with a scale `rehearsal`, of paper, and `rehearsal-single-gpu` beside its own.

    Args:
        config: params.yaml as it is written.
        counts: rows of each stand-in label file.
        judge_url: where the stand-in for a judge listens.
    """
    scales = dict(config["scales"])
    for name in ("paper", "single-gpu"):
        changed = scales[name]
        for tree in overlay(name, counts, judge_url).values():
            changed = merge(changed, tree)
        changed["runs"] = {run: _row(row) for run, row in changed["runs"].items()}
        scales[scale_of(name)] = changed
    return {**config, "scales": scales}


def scale_of(rehearsed: str) -> str:
    """Name of the scale that rehearses another."""
    return PREFIX if rehearsed == "paper" else f"{PREFIX}-{rehearsed}"


def overlay(
    rehearsed: str, counts: Mapping[str, int], judge_url: str | None = None
) -> dict[str, Tree]:
    """What is laid over a scale, by kind."""
    told = _told()
    trees = {
        kind: merge(told["all"].get(kind, {}), told[rehearsed].get(kind, {})) for kind in KINDS
    }
    trees["sizes"]["data"] = {"counts": dict(counts)}
    if judge_url is not None:
        trees["hosts"]["judge"] = {**trees["hosts"]["judge"], "url": judge_url}
    return trees


def _row(row: Mapping[str, Any]) -> Tree:
    """A row of `runs`: its own frames in small; one of an ablation learns from fewer videos."""
    told = _told()
    changed = dict(row)
    if "clips" in row:
        changed["clips"] = {
            key: told["settings"].get(value, value) for key, value in row["clips"].items()
        }
    if row["group"] == "ablation" and row["train"]:
        for kind in KINDS:
            changed = merge(changed, told["ablations"].get(kind, {}))
    return changed


def allowed(rehearsed: str, runs: Mapping[str, Any], counts: Mapping[str, int]) -> dict[str, str]:
    """Dotted keys of resolved parameters that a rehearsal may change, and which kind each is of."""
    told, found = _told(), {"scale": "hosts"}
    for kind, tree in overlay(rehearsed, counts).items():
        for key in leaves(tree):
            found[key] = kind
            if key.split(".")[0] == "training":
                found |= {f"runs.{run}.{key}": kind for run in runs}
    for run, row in runs.items():
        found |= {f"runs.{run}.clips.{key}": "sizes" for key in ("train_setting", "test_setting")}
        if row["group"] == "ablation" and row["train"]:
            for kind in KINDS:
                keys = leaves(told["ablations"].get(kind, {}))
                found |= {f"runs.{run}.{key}": kind for key in keys}
    return found


def differences(one: Any, other: Any, key: str = "") -> Iterator[str]:
    """Dotted keys under which two trees of parameters differ."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for name in sorted({*one, *other}):
            below = f"{key}.{name}" if key else name
            if name in one and name in other:
                yield from differences(one[name], other[name], below)
            else:
                yield from leaves((one if name in one else other)[name], below)
    elif isinstance(one, Mapping) or isinstance(other, Mapping):
        yield from leaves(one if isinstance(one, Mapping) else other, key)
    elif one != other or type(one) is not type(other):
        yield key


def leaves(tree: Any, key: str = "") -> Iterator[str]:
    """Dotted keys of all values in a tree."""
    if not isinstance(tree, Mapping) or not tree:
        yield key
        return
    for name, value in tree.items():
        yield from leaves(value, f"{key}.{name}" if key else name)


def _told() -> Tree:
    told: Tree = yaml.safe_load(_OVERLAY.read_text(encoding="utf-8"))
    return told
