"""The conda environments, the constraints and pyproject.toml name the same versions."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ENVIRONMENTS = ("video", "policy", "report")


@pytest.fixture
def pins(root: Path) -> dict[str, str]:
    text = (root / "constraints.txt").read_text(encoding="utf-8")
    rows = [line.split("==") for line in text.splitlines() if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in rows}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_pins_what_the_constraints_pin(root, pins, name):
    content = yaml.safe_load((root / "envs" / f"{name}.yaml").read_text(encoding="utf-8"))
    packages = content["dependencies"][-1]["pip"]
    assert packages
    for requirement in map(Requirement, packages):
        assert str(requirement.specifier) == f"=={pins[canonicalize_name(requirement.name)]}"


@pytest.mark.parametrize(
    ("system", "machine", "asked"),
    [("linux", "x86_64", True), ("linux", "aarch64", False), ("darwin", "arm64", False)],
)
def test_decord_is_asked_for_only_where_it_is_built(root, system, machine, asked):
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pinned = yaml.safe_load((root / "envs" / "video.yaml").read_text(encoding="utf-8"))
    there = [*project["optional-dependencies"]["data"], *pinned["dependencies"][-1]["pip"]]
    found = [r for r in map(Requirement, there) if r.name == "decord"]
    assert len(found) == 2
    for requirement in found[: 2 if system == "linux" else 1]:
        where = {"sys_platform": system, "platform_machine": machine}
        assert requirement.marker.evaluate(where) == asked


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_gets_the_project_itself(root, name):
    script = (root / "envs" / f"{name}.post-deploy.sh").read_text(encoding="utf-8")
    assert "pip install --no-deps --editable ." in script


def test_every_environment_that_a_rule_names_is_there(root):
    rules = "".join(path.read_text() for path in (root / "workflow" / "rules").glob("*.smk"))
    assert set(re.findall(r"envs/(\w+)\.yaml", rules)) == set(ENVIRONMENTS)


def test_the_constraints_fit_the_ranges_and_leave_the_build_of_torch_open(root, pins):
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [item for extra in project["optional-dependencies"].values() for item in extra]
    requirements = [Requirement(item) for item in [*project["dependencies"], *extras]]
    for requirement in [each for each in requirements if each.name != project["name"]]:
        assert pins[canonicalize_name(requirement.name)] in requirement.specifier, requirement
    assert "+" not in pins["torch"]
