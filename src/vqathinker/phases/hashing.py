"""Hashes of the code and of the cards that a phase depends on."""

import ast
import functools
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vqathinker.phases.yaml12 import parse_yaml

__all__ = [
    "STAND_INS",
    "card_hashes",
    "card_path",
    "code_behind",
    "code_digest",
    "code_of_phase",
    "files_of",
    "imports_of_phase",
]

# These yield values, and the values themselves stand in the stamp.
_NOT_HASHED = {"params", "phases", "layout"}

# Of the cards only those of a scale's own sets count: a word changed in one fetches no other set.
CARDS = Path("datasets/cards")
STAND_INS = "stand-ins.json"  # of a rehearsal, see `vqathinker.datasets.stand_ins`


def code_of_phase(phase: str, source: Path) -> dict[str, str]:
    """Every file that the phase's commands, `vqathinker/cli/<phase>.py`, run: see `code_behind`."""
    return code_behind(_commands_of(phase), source)


def imports_of_phase(phase: str, source: Path) -> set[str]:
    """First parts of the names of all modules that the phase's code imports, inside functions too.

    >>> sorted(imports_of_phase("absent", Path(__file__).parents[2]) & {"scipy", "av", "typer"})
    ['scipy', 'typer']
    """
    modules = _modules_behind(_commands_of(phase), source)
    names = (name for module in modules for name in _names_in(module.read_bytes()))
    return {name.partition(".")[0] for name in names}


def _commands_of(phase: str) -> Path:
    return Path("cli", f"{phase.split('-', maxsplit=1)[0]}.py")


def code_behind(start: Path, source: Path) -> dict[str, str]:
    """Every file that a module runs, to its sha256.

    These are the modules that it imports, at any depth, and the data files beside them (prompts,
    templates; cards stand in the stamp by themselves).

    Args:
        start: the module, from the package's folder on.
        source: the folder of the package, usually `src`.
    """
    package = source / "vqathinker"
    modules = _modules_behind(start, source)
    folders = {module.parent for module in modules} - {package}
    beside = {file for folder in folders for file in folder.rglob("*") if file.is_file()}
    data = {file for file in beside if file.suffix not in {".py", ".pyc"}}
    data -= set((package / CARDS).iterdir())
    return {
        file.relative_to(source).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(modules | data)
    }


def code_digest(start: Path, source: Path) -> str:
    """One sha256 over every file that a module runs: the same wherever this code is, git or not.

    Args:
        start: as in `code_behind`.
        source: as in `code_behind`.
    """
    return hashlib.sha256(json.dumps(code_behind(start, source)).encode()).hexdigest()


def _modules_behind(start: Path, source: Path) -> set[Path]:
    package = source / "vqathinker"
    modules: set[Path] = set()
    waiting = [package / start]
    while waiting:
        module = waiting.pop()
        room = module.relative_to(package).parts[0]
        if module not in modules and room not in _NOT_HASHED:
            modules.add(module)
            waiting.extend(_imported(module, source))
    return modules


def _imported(module: Path, source: Path) -> Iterator[Path]:
    """Files of this package that a module imports anywhere, inside functions too."""
    for name in _names_in(module.read_bytes()):
        if name.startswith("vqathinker."):
            path = source.joinpath(*name.split("."))
            candidates = (path.with_suffix(".py"), path / "__init__.py")
            yield from (file for file in candidates if file.is_file())


@functools.cache  # phases share most of their code
def _names_in(text: bytes) -> tuple[str, ...]:
    """Names of all modules that a source imports, and of what it takes out of them."""
    found: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(found)


def card_path(name: str, params: Mapping[str, Any], package: Path) -> Path:
    """Where the card of a set lies: built in, or in the project's folder `data.cards`."""
    built_in = package / CARDS / f"{name}.yaml"
    return built_in if built_in.is_file() else Path(params["data"]["cards"], f"{name}.yaml")


def files_of(card: Path) -> str | None:
    """The set in whose folder the files of this card's set lie, if it has none of its own."""
    content = parse_yaml(card.read_text(encoding="utf-8")) if card.is_file() else None
    return content.get("files_of") if isinstance(content, dict) else None


def card_hashes(params: Mapping[str, Any], package: Path) -> dict[str, str]:
    """Hash of the card of every set of a scale, and of the sets whose files they share."""
    data = params["data"]
    names = {data["train"], *data["in_domain"], *data["out_of_distribution"]}
    cards = {name: card_path(name, params, package) for name in names}
    shared = {name for card in cards.values() if (name := files_of(card))}
    cards |= {name: card_path(name, params, package) for name in shared}
    cards[STAND_INS] = Path(data["cards"], STAND_INS)
    return {
        name: hashlib.sha256(card.read_bytes()).hexdigest()
        for name, card in sorted(cards.items())
        if card.is_file()
    }
