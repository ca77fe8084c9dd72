"""Facts about a policy folder: sizes, trained parts, setting, hash."""

import json
import math
from pathlib import Path
from typing import Any

from vqathinker.policy.config import MOTION_ENCODER, PARTS, part_of
from vqathinker.policy.folder.checkpoint import read_config, read_provenance
from vqathinker.policy.folder.hashes import policy_hash
from vqathinker.policy.folder.shards import WIDTHS, Shards
from vqathinker.video.sampling import parse_setting


def describe(folder: Path) -> dict[str, Any]:
    """Facts about a policy folder, ready for JSON. Reads headers and computes the hash.

    Returns:
        `parts` (by name: `weights`, `bytes`, `precision`, `trained`), `trainable_share` of all
        weights, `setting`, `tokens_per_frame`, `motion`, `prompt`, `policy` (its hash), `intact`
        (whether the hash is the recorded one) and `provenance`.

    Raises:
        InputError: configuration, provenance or weights are missing or cannot be read.
    """
    config, provenance = read_config(folder), read_provenance(folder)
    parts = _parts(Shards(folder), _frozen_parts(provenance))
    weights = sum(part["weights"] for part in parts.values())
    trained = sum(part["weights"] for part in parts.values() if part["trained"])
    found = policy_hash(folder)
    shape = None if config.setting is None else parse_setting(config.setting)
    return {
        "folder": str(folder),
        "parts": parts,
        "weights": weights,
        "trainable_share": trained / weights,
        "setting": config.setting,
        "tokens_per_frame": None
        if shape is None
        else config.tokens_per_frame(shape.size, shape.width),
        "motion": config.motion,
        "prompt": {"thinking": config.thinking, "motion": config.motion_token},
        "policy": found,
        "intact": found == provenance.get("policy"),
        "provenance": provenance,
    }


def _frozen_parts(provenance: dict[str, Any]) -> set[str]:
    """Parts that the run did not train, or a run from this policy would not train."""
    settings = provenance.get("settings", {})
    training, prompt = settings.get("training", {}), settings.get("prompt", {})
    adapters = {"language"} if training.get("lora") else set()
    unused = set() if prompt.get("motion", True) else {"motion_projector"}
    return {MOTION_ENCODER, *training.get("freeze", []), *adapters, *unused}


def _parts(shards: Shards, frozen: set[str]) -> dict[str, dict[str, Any]]:
    parts: dict[str, dict[str, Any]] = {
        name: {"weights": 0, "bytes": 0, "precision": set(), "trained": name not in frozen}
        for name in PARTS
    }
    for name, shape in shards.shapes.items():
        part, kind = parts[part_of(name)], shards.dtypes[name]
        part["weights"] += math.prod(shape)
        part["bytes"] += math.prod(shape) * WIDTHS.get(kind, 1)
        if kind != "I64":  # counters of batch norms
            part["precision"].add(kind)
    for part in parts.values():
        part["precision"] = "+".join(sorted(part["precision"]))
    return parts


def format_facts(facts: dict[str, Any]) -> str:
    """The facts as lines for a terminal, with all provenance and settings."""
    lines = [facts["folder"], f"  {'part':<18}{'weights':>15}{'MB':>10}  {'stored as':<10}trained"]
    for name, part in facts["parts"].items():
        size = f"{part['weights']:>15,}{part['bytes'] / 1e6:>10,.1f}"
        trained = "yes" if part["trained"] else "no"
        lines.append(f"  {name:<18}{size}  {part['precision']:<10}{trained}")
    share = f"{facts['trainable_share']:.1%}"
    lines.append(f"  {'all':<18}{facts['weights']:>15,}, {share} of them trained or trainable")
    record = dict(facts["provenance"])
    settings = record.pop("settings", {})
    record["policy"] = facts["policy"] + ("" if facts["intact"] else ", DIFFERS FROM THE RECORD")
    general = {name: facts[name] for name in ("setting", "tokens_per_frame", "motion", "prompt")}
    for key, value in [*general.items(), *record.items(), *settings.items()]:
        lines.append(f"  {key:<17} {value if isinstance(value, str) else json.dumps(value)}")
    return "\n".join(lines)
