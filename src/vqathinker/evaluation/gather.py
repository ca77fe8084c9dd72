"""Predictions of the shards of a benchmark as one file, which tells where all of them come from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vqathinker.errors import InputError
from vqathinker.evaluation.predictions import read_predictions, write_joined

__all__ = ["gather"]

_EACH = ("clips", "machine")  # of the provenance, what shards may differ in


def gather(parts: Sequence[Path], out: Path) -> None:
    """Join predictions, in the order of `parts`, in the file `out`.

    Raises:
        InputError: there are none, they differ in more than clips and machine, or two of them speak
            about the same video.
    """
    if not parts:
        raise InputError("no predictions to join: write them with `vqathinker predict`")
    read = [read_predictions(part) for part in parts]
    first = _shared(read[0].provenance)
    seen: set[str] = set()
    for path, said in zip(parts, read, strict=True):
        told = _shared(said.provenance)
        if wrong := [key for key in sorted({*first, *told}) if first.get(key) != told.get(key)]:
            raise InputError(
                f"{path}: {wrong[0]} is {told.get(wrong[0])!r}, but {first.get(wrong[0])!r} in "
                f"{parts[0]}; give the shards of one run on one benchmark, or predict them again"
            )
        if twice := sorted(seen & set(said.table["video"])):
            raise InputError(
                f"{path}: video {twice[0]!r} is in a file before it, too; give it once"
            )
        seen |= set(said.table["video"])
    machines = [said.provenance.get("machine", {}) for said in read]
    clips = [digest for said in read for digest in said.provenance.get("clips", [])]
    write_joined(out, parts, {**first, "clips": clips, "machine": _all_of(machines)})


def _shared(provenance: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in provenance.items() if key not in _EACH}


def _all_of(values: Sequence[Any]) -> Any:
    """What is the same; where mappings differ, key by key; else all that there is, as text."""
    if all(value == values[0] for value in values):
        return values[0]
    if all(isinstance(value, Mapping) for value in values):
        keys = sorted({key for value in values for key in value})
        return {key: _all_of([value.get(key) for value in values]) for key in keys}
    return " | ".join(sorted({str(value) for value in values}))
