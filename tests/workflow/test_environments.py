"""Conda environments, constraints.txt and pyproject.toml name the same versions."""

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
def test_an_environment_pins_the_versions_of_the_constraints(root, pins, name):
    content = yaml.safe_load((root / "envs" / f"{name}.yaml").read_text(encoding="utf-8"))
    packages = content["dependencies"][-1]["pip"]
    assert packages
    for requirement in map(Requirement, packages):
        assert str(requirement.specifier) == f"=={pins[canonicalize_name(requirement.name)]}"


def test_every_environment_of_a_rule_exists(root):
    rules = "".join(path.read_text() for path in (root / "workflow" / "rules").glob("*.smk"))
    assert set(re.findall(r"envs/(\w+)\.yaml", rules)) == set(ENVIRONMENTS)


def test_the_constraints_fit_the_ranges_and_leave_the_build_of_torch_open(root, pins):
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [item for extra in project["optional-dependencies"].values() for item in extra]
    requirements = [Requirement(item) for item in [*project["dependencies"], *extras]]
    for requirement in [each for each in requirements if each.name != project["name"]]:
        assert pins[canonicalize_name(requirement.name)] in requirement.specifier, requirement
    assert "+" not in pins["torch"]
