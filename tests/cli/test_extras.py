"""What a command imports is brought by the smallest installation or by the extra that it names."""

import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from typer.testing import CliRunner

import vqathinker.evaluation
from vqathinker.cli import app
from vqathinker.cli.extras import EXTRA_OF_COMMAND, EXTRA_OF_PACKAGE, describe_absent_package
from vqathinker.hashing import _modules_behind, _names_in

# Modules of `vqathinker.cli` with the extra of their commands.
EXTRA_OF_MODULE = {
    "absent": "evaluate",
    "base": "train",
    "clips": "data",
    "data": "data",
    "evaluation": "evaluate",
    "inventory": "data",
    "judging": "evaluate",
    "metrics": "evaluate",
    "perturbed": "evaluate",
    "plan": "tables",
    "policy": None,
    "report": "evaluate",
    "score": "evaluate",  # for the plot of --where; tests/test_package.py scores without it
    "serve": "serve",
    "thumbnails": "evaluate",
    "training": "train",
    "understanding": "evaluate",
}


@pytest.fixture(scope="module")
def project(root: Path) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def brought_by(project: dict, extra: str | None) -> Iterator[str]:
    """Names of the packages that an installation with that extra asks for itself."""
    extras = project["optional-dependencies"]
    for item in [*project["dependencies"], *(extras[extra] if extra else ())]:
        requirement = Requirement(item)
        if requirement.name != project["name"]:
            yield canonicalize_name(requirement.name)
        for inner in requirement.extras if requirement.name == project["name"] else ():
            yield from brought_by(project, inner)


@pytest.fixture(scope="module")
def owners() -> Mapping[str, list[str]]:
    """Modules with the packages that bring them."""
    return packages_distributions()


def packages_behind(module: str, source: Path, owners: Mapping[str, list[str]]) -> set[str]:
    """Packages whose modules the code behind a module of `vqathinker.cli` imports anywhere."""
    files = _modules_behind(Path("cli", f"{module}.py"), source)
    names = {name.partition(".")[0] for file in files for name in _names_in(file.read_bytes())}
    names -= sys.stdlib_module_names | {"vqathinker"}
    names -= {"typing_extensions"}  # for types alone
    return {canonicalize_name(owner) for name in names for owner in owners[name]}


@pytest.mark.parametrize(("module", "extra"), EXTRA_OF_MODULE.items())
def test_an_extra_brings_all_that_its_commands_import(project, root, owners, module, extra):
    needed = packages_behind(module, root / "src", owners) - {"pydantic-core"}
    apart = {name for name, owner in EXTRA_OF_PACKAGE.items() if owner != extra}
    needed -= {canonicalize_name(owner) for name in apart for owner in owners[name]}
    assert not needed - set(brought_by(project, extra))


def test_every_command_but_those_of_the_smallest_installation_has_an_extra(project):
    commands = {info.callback.__name__ for info in app.registered_commands}
    groups = {group.name for group in app.registered_groups}
    small = {"policy", "schema", "score"}
    assert EXTRA_OF_COMMAND.keys() == (commands | groups) - small
    named = {*EXTRA_OF_COMMAND.values(), *EXTRA_OF_PACKAGE.values()}
    assert named <= project["optional-dependencies"].keys()


def test_all_brings_every_extra_that_a_command_names(project):
    everything = set(brought_by(project, "all"))
    of_pipeline = {*EXTRA_OF_COMMAND.values(), *EXTRA_OF_PACKAGE.values()} - {"serve"}
    for extra in of_pipeline:
        assert set(brought_by(project, extra)) <= everything


@pytest.mark.parametrize(
    ("package", "words", "extra"),
    [
        ("pandas.io", ["gather", "--out", "x"], "evaluate"),
        ("trl", ["--debug", "train", "grpo"], "train"),
        ("pyarrow", ["decode"], "data"),
        ("skimage", ["data", "fetch", "demo_train"], "demo"),
        ("imageio_ffmpeg", ["data", "fetch", "demo_train"], "data"),
    ],
)
def test_the_extra_is_named_that_brings_what_is_absent(package, words, extra):
    told = describe_absent_package(ModuleNotFoundError(name=package), words)
    assert told.endswith(f': pip install "vqathinker[{extra}]"')
    assert package.partition(".")[0] in told


def test_an_import_that_no_extra_brings_is_a_fault_of_the_program():
    for name in ("vqathinker.nope", None):
        assert describe_absent_package(ModuleNotFoundError(name=name), ["train"]) is None
    assert describe_absent_package(ModuleNotFoundError(name="pandas"), ["schema"]) is None


def test_a_command_without_its_extra_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "vqathinker.evaluation.predictions", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for name in [name for name in sys.modules if name.startswith("vqathinker.evaluation")]:
        monkeypatch.delitem(sys.modules, name)
    # Imported anew it is another module, which must not stay.
    monkeypatch.setattr(vqathinker, "evaluation", vqathinker.evaluation)
    given = tmp_path / "predictions.parquet"
    given.touch()
    words = ["gather", "--predictions", str(given), "--out", str(tmp_path / "out.parquet")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 1
    assert done.stderr == (
        "Error: pyarrow is not installed, which `vqathinker gather` needs here: "
        'pip install "vqathinker[evaluate]"\n'
    )
