"""Parameters as each phase of the pipeline sees them, and the stamps that tell when they changed.

Snakemake remembers parameters in `.snakemake/`, which no clone and no DVC cache carries along. So
every phase has a small file with the parameters and code it depends on, rewritten only when they
change, and the rules take it as input. Standard library and PyYAML only: the Snakefile reads this.
"""

import ast
import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

__all__ = [
    "card_path",
    "code_of_phase",
    "files_of",
    "merge",
    "phase_names",
    "phase_params",
    "read_params",
    "resolve",
    "settle_stamps",
    "stamp_path",
    "write_stamp",
    "write_stamps",
]

Tree = dict[str, Any]

STAMPS = Path("workflow/stamps")

# Sections of the resolved parameters that a phase depends on. The phase of a run is added by name.
SECTIONS: dict[str, tuple[str, ...]] = {
    "data": ("data",),
    "clips": ("seed", "clips"),
    "base": ("base",),
    "evaluation": ("evaluation",),
    "metrics": ("metrics",),
    "report": ("report",),
}
TRAINING = "training"

# How files come, in a file of its own beside the stamps: read by jobs, but no input of any rule.
DOWNLOAD = "download"
RUN_SECTIONS = ("seed", "training", "rewards")

# These yield values, and the values themselves stand in the stamp.
_NOT_HASHED = {"params", "phases.py", "layout.py"}

# Of the cards only those of a scale's own sets count: a word changed in one fetches no other set.
CARDS = Path("datasets/cards")


# --- from params.yaml to one scale ---------------------------------------------------------------


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> Tree:
    """`below` with `above` laid over it: mappings key by key, anything else replaced as a whole.

    >>> merge({"a": {"x": 1, "y": 2}, "b": [1, 2]}, {"a": {"y": 3}, "b": [4]})
    {'a': {'x': 1, 'y': 3}, 'b': [4]}
    """
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(old, value) if both else value  # type: ignore[arg-type]
    return merged


def resolve(config: Mapping[str, Any], source: str = "params.yaml") -> Tree:
    """The parameters of the scale that `config` names: `scales` folded in, every run spelled out.

    A row of `runs` comes out with its whole `seed`, `training` and `rewards`: the shared ones, with
    what the row itself says laid over them.

    Raises:
        ValueError: `scale` names no row of `scales`.
    """
    scales = config.get("scales") or {}
    scale = config.get("scale")
    if scale not in scales:
        raise ValueError(f"{source}: scale is {scale!r}, expected one of {', '.join(scales)}")
    shared = {key: value for key, value in config.items() if key != "scales"}
    params = merge(shared, scales[scale])
    params["runs"] = {name: _whole_run(row, params) for name, row in params["runs"].items()}
    return params


def _whole_run(row: Mapping[str, Any], params: Tree) -> Tree:
    return merge({key: params[key] for key in RUN_SECTIONS if key in params}, row)


def read_params(path: Path) -> Tree:
    """Resolved parameters from params.yaml or, of one phase only, from a stamp.

    Raises:
        ValueError: the file holds no mapping, or an unknown scale.
    """
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError(f"{path}: holds {type(content).__name__}, expected a mapping")
    if "phase" in content:
        return dict(content["params"])
    return resolve(content, str(path))


# --- phases --------------------------------------------------------------------------------------


def phase_names(params: Mapping[str, Any]) -> list[str]:
    """Every phase of these resolved parameters; training is one phase per trained run."""
    trained = [name for name, run in params["runs"].items() if run["train"]]
    return [*SECTIONS, *(f"{TRAINING}-{name}" for name in trained)]


def phase_params(params: Mapping[str, Any], phase: str) -> Tree:
    """What of the resolved parameters a phase depends on, always with the scale.

    Raises:
        ValueError: no such phase.
    """
    if phase not in phase_names(params):
        raise ValueError(f"phase is {phase!r}, expected one of {', '.join(phase_names(params))}")
    if phase in SECTIONS:
        return {key: params[key] for key in ("scale", *SECTIONS[phase])}
    run = phase.removeprefix(f"{TRAINING}-")
    row = {key: params["runs"][run][key] for key in RUN_SECTIONS}
    return {"scale": params["scale"], "runs": {run: row}}


def code_of_phase(phase: str, source: Path) -> dict[str, str]:
    """Every file that the phase's commands run, to its sha256.

    These are the modules that `vqathinker/cli/<phase>.py` imports, at any depth, and the data files
    beside them (prompts, templates; cards stand in the stamp by themselves). `source` is the folder
    of the package, usually `src`.
    """
    package = source / "vqathinker"
    modules: set[Path] = set()
    waiting = [package / "cli" / f"{phase.split('-', maxsplit=1)[0]}.py"]
    while waiting:
        module = waiting.pop()
        room = module.relative_to(package).parts[0]
        if module not in modules and room not in _NOT_HASHED:
            modules.add(module)
            waiting.extend(_imported(module, source))
    folders = {module.parent for module in modules} - {package}
    beside = {file for folder in folders for file in folder.rglob("*") if file.is_file()}
    data = {file for file in beside if file.suffix not in {".py", ".pyc"}}
    data -= set((package / CARDS).iterdir())
    return {
        file.relative_to(source).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(modules | data)
    }


def _imported(module: Path, source: Path) -> Iterator[Path]:
    """Files of this package that a module imports anywhere, inside functions too."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            if name.startswith("vqathinker."):
                path = source.joinpath(*name.split("."))
                candidates = (path.with_suffix(".py"), path / "__init__.py")
                yield from (file for file in candidates if file.is_file())


def card_path(name: str, params: Mapping[str, Any], package: Path) -> Path:
    """Where the card of a set lies: built in, or in the project's folder `data.cards`."""
    built_in = package / CARDS / f"{name}.yaml"
    return built_in if built_in.is_file() else Path(params["data"]["cards"], f"{name}.yaml")


def files_of(card: Path) -> str | None:
    """The set in whose folder the files of this card's set lie, if it has none of its own."""
    content = yaml.safe_load(card.read_text(encoding="utf-8")) if card.is_file() else None
    return content.get("files_of") if isinstance(content, dict) else None


def _cards_of(params: Mapping[str, Any], package: Path) -> dict[str, str]:
    """Hash of the card of every set of a scale, and of the sets whose files they share."""
    data = params["data"]
    names = {data["train"], *data["in_domain"], *data["out_of_distribution"]}
    cards = {name: card_path(name, params, package) for name in names}
    shared = {name for card in cards.values() if (name := files_of(card))}
    cards |= {name: card_path(name, params, package) for name in shared}
    return {
        name: hashlib.sha256(card.read_bytes()).hexdigest()
        for name, card in sorted(cards.items())
        if card.is_file()
    }


# --- stamps --------------------------------------------------------------------------------------


def stamp_path(scale: str, phase: str) -> Path:
    """Where a phase's stamp lies, from the project's root."""
    return STAMPS / scale / f"{phase}.yaml"


def write_stamps(params: Mapping[str, Any], root: Path) -> None:
    """Write the stamps of every phase whose parameters or code changed, and how files come."""
    for phase in phase_names(params):
        content = {
            "phase": phase,
            "params": phase_params(params, phase),
            "code": code_of_phase(phase, root / "src"),
        }
        if phase == "data":
            content["cards"] = _cards_of(params, root / "src" / "vqathinker")
        write_stamp(stamp_path(params["scale"], phase), content)
    settings = {"phase": DOWNLOAD, "params": {key: params[key] for key in ("scale", DOWNLOAD)}}
    write_stamp(stamp_path(params["scale"], DOWNLOAD), settings)


def write_stamp(path: Path, content: Tree) -> None:
    """Bring one stamp up to date; leave it untouched, with its time, if it is already.

    A dry run must not make results look out of date once the parameters are set back. So what it
    replaces is kept as `.before`, and comes back with its old time if it is wanted again before
    `settle_stamps` says that jobs have run.
    """
    before = path.with_suffix(".before")
    if _says(path, content):
        return
    if _says(before, content):
        before.replace(path)
        return
    if path.exists() and not before.exists():
        path.replace(before)
    # Snakemake forgives a newer input whose checksum it has seen, so the time is part of it.
    written = {"written": datetime.now(UTC).isoformat(), **content}
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".fresh")
    fresh.write_text(yaml.safe_dump(written, sort_keys=False), encoding="utf-8")
    fresh.replace(path)


def settle_stamps(scale: str) -> None:
    """Jobs start under the present stamps: forget what they replaced."""
    for before in (STAMPS / scale).glob("*.before"):
        before.unlink(missing_ok=True)


def _says(path: Path, content: Tree) -> bool:
    if not path.is_file():
        return False
    stamp = yaml.safe_load(path.read_text(encoding="utf-8"))
    stamp.pop("written", None)
    return json.dumps(stamp, sort_keys=True) == json.dumps(content, sort_keys=True)
