"""Hashes and sizes of files that stand in for the real ones, laid over cards for a rehearsal.

A rehearsal (docs/paper-scale.md) serves small files under the addresses of the cards. Everything
is checked as ever, only against what `stand-ins.json` in the folder of own cards says instead.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from vqathinker.datasets.remote_file import Bytes, Sha256, StrictModel
from vqathinker.errors import InputError, read_json
from vqathinker.params.faults import describe_faults
from vqathinker.phases.cards import STAND_INS

__all__ = ["with_stand_ins"]

_STATED = ("bytes", "about_bytes", "sha256")


class _StandInFile(StrictModel):
    bytes: Bytes
    sha256: Sha256


class _StandInSet(StrictModel):
    """Of one set: the rows of its label file, and its files and parts by name."""

    expected: int = Field(gt=0)
    files: dict[str, _StandInFile]


def with_stand_ins(name: str, content: Any, folder: Path | None) -> Any:
    """A card's content with rows, sizes and hashes of its stand-in; as it is where there is none.

    Args:
        name: of the set.
        content: as it is read from the card.
        folder: with own cards and, in a rehearsal, `stand-ins.json`.

    Raises:
        InputError: the file is not as a rehearsal writes it, or names a file that the card has not.
    """
    path = None if folder is None else folder / STAND_INS
    if path is None or not path.is_file() or not isinstance(content, dict):
        return content
    told = read_json(path, "the stand-ins of a rehearsal", "remove it where real sets are wanted")
    if name not in told:
        return content
    try:
        stand_in = _StandInSet.model_validate(told[name])
    except ValidationError as error:
        lines = [
            f"{path}: {name}: {line}" for line in describe_faults(error, told[name], StrictModel)
        ]
        raise InputError("\n".join(lines)) from None
    files = [_stated(file, stand_in.files) for file in content.get("files") or ()]
    _require_known(path, name, stand_in.files, content.get("files") or ())
    sizes = {"expected": stand_in.expected, "download_bytes": None, "stored_bytes": None}
    return {**content, **sizes, "files": files}


def _stated(file: Mapping[str, Any], known: Mapping[str, _StandInFile]) -> dict[str, Any]:
    """A file of a card: size and hash are the stand-in's, or not known."""
    plain = {key: value for key, value in file.items() if key not in _STATED}
    if file.get("parts"):
        plain["parts"] = [_stated(part, known) for part in file["parts"]]
    return plain | (known[file["name"]].model_dump() if file["name"] in known else {})


def _require_known(
    path: Path, name: str, told: Iterable[str], files: Iterable[Mapping[str, Any]]
) -> None:
    names = {part["name"] for file in files for part in (file, *(file.get("parts") or ()))}
    if unknown := sorted(set(told) - names):
        raise InputError(f"{path}: {name} has {', '.join(unknown)}, expected files of its card")
