"""Cards of data sets as the workflow reads them, and which sets are missing.

The workflow evaluates the sets that exist. The others have empty rows in the tables. The Snakefile
decides this each time it is read, so only file names and the cards' kinds of access count: it reads
no label and uses no network.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from vqathinker.errors import InputError
from vqathinker.phases.hints import nearest
from vqathinker.phases.parameters import sets_of
from vqathinker.phases.yaml12 import read_yaml

CARDS = Path(__file__).parents[1] / "datasets" / "cards"
STAND_INS = "stand-ins.json"  # of a rehearsal, see `vqathinker.datasets.card`

# Keys of a card that only describe the set: no file, label or manifest depends on them.
DESCRIPTIVE_KEYS = {"title", "homepage", "licence", "terms", "citation", "notes", "stored_bytes"}

# Kinds of access for which a person has to do something: a form, a password, a token, own files.
_MANUAL = {"manual", "token", "local"}


def _card_path(name: str, params: Mapping[str, Any]) -> Path:
    """Path of the card of a set: built in, or in the project's folder `data.cards`."""
    built_in = CARDS / f"{name}.yaml"
    return built_in if built_in.is_file() else Path(params["data"]["cards"], f"{name}.yaml")


def read_card(name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """The card of a set. Empty if the card does not exist, which the rule `fetch` reports."""
    path = _card_path(name, params)
    if not path.is_file():
        return {}
    content = read_yaml(path, "a card", "compare it with docs/datasets.md")
    return content if isinstance(content, dict) else {}


def owner_of_files(name: str, params: Mapping[str, Any]) -> str:
    """The set whose folder holds the files of a set: itself, or `files_of` of its card."""
    return str(read_card(name, params).get("files_of") or name)


def missing_sets(params: Mapping[str, Any], data: Path = Path("data")) -> list[str]:
    """Sets of a scale that do not exist and that the workflow does not download.

    A set exists if there is its receipt, a video in `source/videos`, or a complete file in
    `downloads`. `download.fetch` says which other sets the workflow downloads. Generated sets are
    never missing. Sets that share videos are missing together.

    Args:
        params: resolved parameters.
        data: the folder of all sets.

    Raises:
        InputError: `download.fetch` names a set that has no card.
    """
    fetch, sets = params["download"]["fetch"], sets_of(params)
    names = [] if isinstance(fetch, str) else fetch
    for name in names:
        if not _card_path(name, params).is_file():
            hint = nearest(name, [*(path.stem for path in CARDS.glob("*.yaml")), *sets])
            raise InputError(
                f"download.fetch has {name!r}, which has no card; expected names of sets, or "
                f"open, nothing, all{hint}"
            )
    fetched = {owner_of_files(name, params) for name in names}

    def is_missing(owner: str) -> bool:
        kind = (read_card(owner, params).get("access") or {}).get("kind")
        if kind == "made" or fetch == "all" or owner in fetched or _exists(data / owner):
            return False
        return fetch != "open" or kind in _MANUAL

    return [name for name in sets if is_missing(owner_of_files(name, params))]


def describe_missing(params: Mapping[str, Any], missing: Collection[str]) -> list[str]:
    """One line for each consequence of missing sets; empty if no set is missing."""
    train, lines = params["data"]["train"], []
    if benchmarks := [name for name in missing if name != train]:
        lines.append(f"Missing benchmarks, with empty rows in the tables: {', '.join(benchmarks)}.")
    if train in missing:
        runs = [name for name, row in params["runs"].items() if row["train"]]
        lines.append(f"Missing training set: {train}. Not trained: {', '.join(runs) or 'none'}.")
    if lines:
        fetch = params["download"]["fetch"]
        sets = fetch if isinstance(fetch, str) else ", ".join(fetch)
        lines.append(f"download.fetch is {sets}; it decides which sets are downloaded.")
    return lines


def _exists(folder: Path) -> bool:
    places = (folder / "source" / "videos", folder / "downloads")
    names = (path.name for place in places if place.is_dir() for path in place.iterdir())
    # Partial downloads and hidden files do not count.
    found = any(not name.startswith(".") and ".part" not in name for name in names)
    return found or (folder / "source.json").is_file()
