"""Cards as the workflow sees them: which file describes a set, and what of it counts.

Nothing but the standard library and PyYAML: the Snakefile calls this.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vqathinker.phases.yaml12 import read_yaml

CARDS = Path(__file__).parents[1] / "datasets" / "cards"
STAND_INS = "stand-ins.json"  # of a rehearsal, see `vqathinker.datasets.card`

# Of a card these are words for people: no file, no label and no manifest is different for them.
WORDS = {"title", "homepage", "licence", "terms", "citation", "notes", "stored_bytes"}


def card_path(name: str, params: Mapping[str, Any]) -> Path:
    """Where the card of a set lies: built in, or in the project's folder `data.cards`."""
    built_in = CARDS / f"{name}.yaml"
    return built_in if built_in.is_file() else Path(params["data"]["cards"], f"{name}.yaml")


def read_card(name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """What stands in the card of a set; nothing where there is none, which `fetch` then says."""
    path = card_path(name, params)
    if not path.is_file():
        return {}
    content = read_yaml(path, "a card", "compare it with docs/datasets.md")
    return content if isinstance(content, dict) else {}


def owner_of_files(name: str, params: Mapping[str, Any]) -> str:
    """The set in whose folder the files of a set lie: its own, or that of `files_of`."""
    return str(read_card(name, params).get("files_of") or name)
