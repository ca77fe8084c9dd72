"""Versions that a phase's results may depend on: of the packages that its code imports.

They are those that `constraints.txt` and the environment of the phase's rules pin, not what happens
to be installed: so the stamp is the same whichever door a run came through. Without a checkout
around the package there are no such files, and no versions.
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vqathinker.phases.yaml12 import parse_yaml

__all__ = ["ENVIRONMENTS", "versions_of"]

# The environment of the rules of a phase; the others compute with policies.
ENVIRONMENTS = {"data": "video", "clips": "video", "report": "report"}
_POLICY = "policy"

# Packages that are imported under another name than their own.
_NAMES = {
    "PIL": "pillow",
    "ffmpeg": "ffmpeg-python",
    "skimage": "scikit-image",
    "yaml": "pyyaml",
}
# They talk, wait or read parameters; no result is different for them.
_WITHOUT_EFFECT = {
    *("filelock", "pydantic", "pydantic-core", "rich", "tqdm", "typer", "typing-extensions"),
}


def versions_of(kind: str, modules: Iterable[str], root: Path) -> dict[str, str]:
    """Package to pinned version, for a phase; with several where the files do not agree.

    Python and whatever else conda brings to the environment count as imported.

    Args:
        kind: of the phase, `training` of `training-grpo`.
        modules: names of all modules that its code imports, of the standard library, too.
        root: of the checkout.
    """
    everywhere = _of_constraints(root / "constraints.txt")
    by_conda, by_pip = _of_environment(root / "envs" / f"{ENVIRONMENTS.get(kind, _POLICY)}.yaml")
    packages = {_NAMES.get(name, _plain(name)) for name in set(modules) - sys.stdlib_module_names}
    found = {
        name: " or ".join(
            dict.fromkeys(pins[name] for pins in (everywhere, by_pip) if name in pins)
        )
        for name in packages - _WITHOUT_EFFECT
        if name in everywhere or name in by_pip
    }
    return dict(sorted((found | by_conda).items()))


def _of_constraints(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return _pins(lines)


def _of_environment(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """What conda brings to an environment, and what pip does."""
    if not path.is_file():
        return {}, {}
    rows: list[Any] = parse_yaml(path.read_text(encoding="utf-8"))["dependencies"]
    lines = [line for row in rows if isinstance(row, dict) for line in row["pip"]]
    words = [row.partition(" ") for row in rows if isinstance(row, str)]
    return {name: version for name, _, version in words if name != "pip"}, _pins(lines)


def _pins(lines: Iterable[str]) -> dict[str, str]:
    """Of lines such as `decord==0.6.0; platform_machine == 'x86_64'`."""
    pairs = (line.partition(";")[0].split("==") for line in lines if not line.startswith("#"))
    return {_plain(pair[0]): pair[1].strip() for pair in pairs if len(pair) == 2}


def _plain(name: str) -> str:
    return name.strip().lower().replace("_", "-").replace(".", "-")
