"""Which data sets of a scale are left out for now: not there, and brought by nothing.

Nobody has all sets on the first day. What is there counts, and what is not is an empty row. The
Snakefile asks each time it is read, so names of files and the cards' kinds of access must do: no
label is read and nobody is asked over a network. Standard library and PyYAML only.
"""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from vqathinker.errors import InputError
from vqathinker.phases.cards import CARDS, card_path, owner_of_files, read_card
from vqathinker.phases.parameters import DOWNLOAD
from vqathinker.phases.words import nearest

# Access that takes a person: a form, a password, a token, files of one's own.
_BY_HAND = {"manual", "token", "local"}


def absent_sets(params: Mapping[str, Any], data: Path = Path("data")) -> list[str]:
    """Sets of a scale that are not there and that the workflow is not to bring.

    A set is there with a receipt, with videos in `source/videos`, or with something in `downloads`
    that is not half a download. Of the others `download.bring` says which the workflow brings; made
    sets always are. Sets that share videos are there or not together.

    Args:
        params: resolved parameters.
        data: the folder in which all sets lie.

    Raises:
        InputError: `download.bring` names a set that has no card.
    """
    bring, sets = params[DOWNLOAD]["bring"], _sets_of(params)
    named = set() if isinstance(bring, str) else set(bring)
    _require_cards(named, params)
    owners = {name: owner_of_files(name, params) for name in {*sets, *named}}
    named = {owners[name] for name in named}

    def comes(owner: str) -> bool:
        kind = (read_card(owner, params).get("access") or {}).get("kind")
        if kind == "made" or bring == "all" or owner in named or _is_there(data / owner):
            return True
        return bring == "open" and kind not in _BY_HAND

    found = {owner: comes(owner) for owner in {owners[name] for name in sets}}
    return [name for name in sets if not found[owners[name]]]


def describe_absent(params: Mapping[str, Any], absent: Collection[str]) -> list[str]:
    """What absent sets leave out, a line each; nothing where there are none."""
    if not absent:
        return []
    train = params["data"]["train"]
    tests = [name for name in absent if name != train]
    lines = []
    if tests:
        lines.append(f"Not there, an empty row of every table each: {', '.join(tests)}.")
    if train in absent:
        runs = [name for name, row in params["runs"].items() if row["train"]]
        lines.append(f"Not there: {train}. So these are not trained: {', '.join(runs) or 'none'}.")
    bring = params[DOWNLOAD]["bring"]
    kinds = bring if isinstance(bring, str) else ", ".join(bring)
    return [*lines, f"Which sets the workflow brings says download.bring, now: {kinds}."]


def _sets_of(params: Mapping[str, Any]) -> list[str]:
    data = params["data"]
    return list(dict.fromkeys([data["train"], *data["in_domain"], *data["out_of_distribution"]]))


def _require_cards(names: Iterable[str], params: Mapping[str, Any]) -> None:
    for name in sorted(names):
        if not card_path(name, params).is_file():
            built_in = (path.stem for path in CARDS.glob("*.yaml"))
            hint = nearest(name, [*built_in, *_sets_of(params)])
            raise InputError(
                f"{DOWNLOAD}.bring names {name!r}, which has no card; expected names of sets, or "
                f"open, nothing, all{hint}"
            )


def _is_there(folder: Path) -> bool:
    if (folder / "source.json").is_file():
        return True
    return _has_entries(folder / "source" / "videos") or _has_entries(folder / "downloads")


def _has_entries(folder: Path) -> bool:
    """Whether a folder holds more than half downloads, their notes and hidden files."""
    if not folder.is_dir():
        return False
    names = (path.name for path in folder.iterdir())
    return any(not name.startswith(".") and ".part" not in name for name in names)
