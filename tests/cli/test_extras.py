"""The extra of a command installs every package that the command imports."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from vqathinker.cli import app
from vqathinker.cli.errors import EXTRA_OF_COMMAND, EXTRA_OF_PACKAGE, describe_error

# Modules of `vqathinker.cli` with the extra of their commands.
EXTRA_OF_MODULE = {
    "data": "data",
    "evaluate": "evaluate",
    "policy": None,
    "project": "tables",
    "report": "evaluate",
    "score": "evaluate",  # for --plot; tests/test_package.py scores without it
    "serve": "serve",
    "train": "train",
}


@pytest.fixture(scope="module")
def project(root: Path) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def packages_of(project: dict, extra: str | None) -> Iterator[str]:
    """Names of the packages that an installation with an extra requires."""
    extras = project["optional-dependencies"]
    for item in [*project["dependencies"], *(extras[extra] if extra else ())]:
        requirement = Requirement(item)
        if requirement.name != project["name"]:
            yield canonicalize_name(requirement.name)
        for inner in requirement.extras if requirement.name == project["name"] else ():
            yield from packages_of(project, inner)


def imports_of(module: str, source: Path, seen: set[str]) -> set[str]:
    """Packages that a module imports, directly or indirectly, also inside functions."""
    path = source.joinpath(*module.split("."))
    file = next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)
    if file is None or module in seen:
        return set()
    seen.add(module)
    names: set[str] = set()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    blocks = [node for node in ast.walk(tree) if isinstance(node, ast.If)]
    typing = [block for block in blocks if ast.unparse(block.test) == "TYPE_CHECKING"]
    for node in set(ast.walk(tree)).difference(*map(ast.walk, typing)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    own = {name for name in names if name.startswith("vqathinker.")}
    other = {name.partition(".")[0] for name in names - own}
    return other.union(*(imports_of(name, source, seen) for name in own))


@pytest.mark.parametrize(("module", "extra"), EXTRA_OF_MODULE.items())
def test_an_extra_installs_what_its_commands_import(project, root, module, extra):
    owners = packages_distributions()
    apart = {name for name, owner in EXTRA_OF_PACKAGE.items() if owner != extra}
    names = imports_of(f"vqathinker.cli.{module}", root / "src", set())
    names -= sys.stdlib_module_names | apart | {"vqathinker", "typing_extensions", "pydantic_core"}
    needed = {canonicalize_name(owner) for name in names for owner in owners[name]}
    assert not needed - set(packages_of(project, extra))


def test_every_command_has_an_extra(project):
    commands = {info.callback.__name__.replace("_", "-") for info in app.registered_commands}
    groups = {group.name for group in app.registered_groups}
    assert EXTRA_OF_COMMAND.keys() == (commands | groups) - {"policy", "schema"}
    everything = set(packages_of(project, "all"))
    for extra in {*EXTRA_OF_COMMAND.values(), *EXTRA_OF_PACKAGE.values()} - {"serve"}:
        assert set(packages_of(project, extra)) <= everything


@pytest.mark.parametrize(
    ("package", "words", "extra"),
    [
        ("pandas.io", ["merge-predictions", "--output", "x"], "evaluate"),
        ("trl", ["--debug", "train", "grpo"], "train"),
        ("skimage", ["data", "fetch", "demo_train"], "demo"),
        ("gradio", ["serve"], "serve"),
    ],
)
def test_the_message_names_a_missing_package_and_its_extra(package, words, extra):
    text = describe_error(ModuleNotFoundError(name=package), words)
    assert f'pip install "vqathinker[{extra}]"' in text
    assert package.partition(".")[0] in text
