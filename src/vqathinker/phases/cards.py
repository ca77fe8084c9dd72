"""Cards of data sets as the workflow sees them, and which sets are absent.

Not every user has all sets. Those that exist are evaluated, and the others have empty rows. The
Snakefile asks each time it is read, so file names and the cards' kinds of access decide: no label
is read, and nothing is asked over a network.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from vqathinker.errors import InputError
from vqathinker.phases.parameters import DOWNLOAD
from vqathinker.phases.words import nearest
from vqathinker.phases.yaml12 import read_yaml

CARDS = Path(__file__).parents[1] / "datasets" / "cards"
STAND_INS = "stand-ins.json"  # of a rehearsal, see `vqathinker.datasets.card`

# Keys of a card that no file, label or manifest depends on.
WORDS = {"title", "homepage", "licence", "terms", "citation", "notes", "stored_bytes"}

# Kinds of access for which a person has to do something: a form, a password, a token, own files.
_BY_HAND = {"manual", "token", "local"}


def card_path(name: str, params: Mapping[str, Any]) -> Path:
    """Path of the card of a set: built in, or in the project's folder `data.cards`."""
    built_in = CARDS / f"{name}.yaml"
    return built_in if built_in.is_file() else Path(params["data"]["cards"], f"{name}.yaml")


def read_card(name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """The card of a set; empty if there is none, which `fetch` reports."""
    path = card_path(name, params)
    if not path.is_file():
        return {}
    content = read_yaml(path, "a card", "compare it with docs/datasets.md")
    return content if isinstance(content, dict) else {}


def owner_of_files(name: str, params: Mapping[str, Any]) -> str:
    """The set whose folder holds the files of a set: itself, or `files_of` of its card."""
    return str(read_card(name, params).get("files_of") or name)


def absent_sets(params: Mapping[str, Any], data: Path = Path("data")) -> list[str]:
    """Sets of a scale that do not exist and that the workflow does not download.

    A set exists if there is its receipt, a video in `source/videos`, or a complete file in
    `downloads`. `download.bring` says which others the workflow downloads; made sets are always
    made. Sets that share videos are absent together.

    Args:
        params: resolved parameters.
        data: the folder of all sets.

    Raises:
        InputError: `download.bring` names a set that has no card.
    """
    bring, sets = params[DOWNLOAD]["bring"], _sets_of(params)
    named = [] if isinstance(bring, str) else bring
    for name in named:
        if not card_path(name, params).is_file():
            hint = nearest(name, [*(path.stem for path in CARDS.glob("*.yaml")), *sets])
            raise InputError(
                f"{DOWNLOAD}.bring has {name!r}, which has no card; expected names of sets, or "
                f"open, nothing, all{hint}"
            )
    named = {owner_of_files(name, params) for name in named}

    def is_absent(owner: str) -> bool:
        kind = (read_card(owner, params).get("access") or {}).get("kind")
        if kind == "made" or bring == "all" or owner in named or _exists(data / owner):
            return False
        return bring != "open" or kind in _BY_HAND

    return [name for name in sets if is_absent(owner_of_files(name, params))]


def describe_absent(params: Mapping[str, Any], absent: Collection[str]) -> list[str]:
    """What absent sets leave out, a line each; empty if no set is absent."""
    if not absent:
        return []
    train, lines = params["data"]["train"], []
    if tests := [name for name in absent if name != train]:
        lines.append(f"Absent benchmarks, with empty rows in the tables: {', '.join(tests)}.")
    if train in absent:
        runs = [name for name, row in params["runs"].items() if row["train"]]
        lines.append(f"Absent training set: {train}. Not trained: {', '.join(runs) or 'none'}.")
    bring = params[DOWNLOAD]["bring"]
    sets = bring if isinstance(bring, str) else ", ".join(bring)
    return [*lines, f"download.bring is {sets}: it says which sets are downloaded."]


def _sets_of(params: Mapping[str, Any]) -> list[str]:
    data = params["data"]
    return list(dict.fromkeys([data["train"], *data["in_domain"], *data["out_of_distribution"]]))


def _exists(folder: Path) -> bool:
    places = (folder / "source" / "videos", folder / "downloads")
    names = (path.name for place in places if place.is_dir() for path in place.iterdir())
    # Partial downloads, their notes and hidden files do not count.
    found = any(not name.startswith(".") and ".part" not in name for name in names)
    return found or (folder / "source.json").is_file()
