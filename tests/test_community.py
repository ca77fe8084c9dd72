"""Files for contributors say what the project does: the same gates, rooms, versions everywhere."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from tests.test_imports import MAY_SEE

from vqathinker import __version__


def read_yaml(path: Path) -> dict:
    # YAML 1.1 takes the key `on` for true.
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506


@pytest.fixture(scope="module")
def workflow(root: Path) -> dict:
    return read_yaml(root / ".github" / "workflows" / "checks.yaml")


def commands(job: dict) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


def test_github_runs_what_ci_runs(root, workflow):
    job = workflow["jobs"]["checks"]
    packages, checks = commands(job)
    assert ".ci/packages.txt" in packages
    assert checks == ".ci/run"
    assert (root / ".ci" / "run").stat().st_mode & 0o111
    script = (root / ".ci" / "run").read_text(encoding="utf-8")
    assert script.splitlines()[-2:] == ["make test", "exec make test-doors"]
    assert "continue-on-error" not in yaml.safe_dump(workflow)


def test_each_night_runs_targets_that_there_are(root):
    nightly = read_yaml(root / ".github" / "workflows" / "nightly.yaml")
    job = nightly["jobs"]["nightly"]
    assert commands(job)[-1] == "${{ matrix.what }}"
    wanted = job["strategy"]["matrix"]["what"]
    assert wanted
    for what in wanted:
        subprocess.run([*what.split(), "--dry-run"], cwd=root, check=True, capture_output=True)
    assert nightly["permissions"] == {"contents": "read"}


def test_github_checks_pull_requests_with_no_more_rights_than_reading(workflow):
    assert {"push", "pull_request"} == set(workflow["on"])
    assert workflow["permissions"] == {"contents": "read"}
    assert "secrets." not in yaml.safe_dump(workflow)


def test_github_takes_pythons_that_the_project_installs_on(root, workflow):
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    oldest = project["requires-python"].removeprefix(">=")
    assert workflow["jobs"]["checks"]["strategy"]["matrix"]["python"][0] == oldest


def test_an_audit_that_cannot_ask_fails(root, workflow):
    assert commands(workflow["jobs"]["audit"]) == ["make audit"]
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    recipe = re.search(r"^audit:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)[1]
    assert "pip-audit --strict" in recipe
    assert "|" not in recipe
    assert not recipe.lstrip("\t").startswith("-")


def test_a_commit_passes_the_gates_of_make_lint_and_fetches_nothing(root):
    path = root / ".pre-commit-config.yaml"
    (repository,) = read_yaml(path)["repos"]
    (hook,) = repository["hooks"]
    assert repository["repo"] == "local"
    assert hook["entry"] == "make lint"
    assert not yaml.safe_load(hook["pass_filenames"])
    words = [sys.executable, "-m", "pre_commit", "validate-config", str(path)]
    subprocess.run(words, check=True, timeout=3600)
    for name in ("src/vqathinker/errors.py", "Snakefile", "workflow/rules/data.smk", "Makefile"):
        assert re.search(hook["files"], name)


def test_the_map_of_rooms_is_whole_and_in_the_order_of_imports(root):
    text = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rooms = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    package = root / "src" / "vqathinker"
    assert {path.parent.name for path in package.glob("*/__init__.py")} <= set(rooms)
    for above, room in enumerate(rooms):
        assert not MAY_SEE.get(room, set()) & set(rooms[:above]), room
    for module in {path.stem for path in package.glob("*.py")} - {"__init__", "__main__"}:
        assert f"`{module}`" in text


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"])
def test_targets_and_files_that_are_named_are_there(root, name):
    text = (root / name).read_text(encoding="utf-8")
    targets = set(re.findall(r"\bmake ([a-z]+)\b(?=[`\s]*(?:#|`|\n))", text))
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)
    files = re.findall(r"(?:`|\s)((?:docs|tests|src|workflow|\.ci)/[\w./-]*\w)", text)
    assert [file for file in files if not (root / file).exists()] == []


def test_the_citation_names_this_version_and_the_paper(root):
    cited = read_yaml(root / "CITATION.cff")
    assert cited["cff-version"] == "1.2.0"
    assert cited["version"] == __version__
    assert {"message", "title", "authors"} <= cited.keys()
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert cited["license"] == project["license"]
    assert project["version"] == __version__
    for paper in (cited["preferred-citation"], *cited["references"]):
        assert {"type", "title", "authors"} <= paper.keys()
        assert paper["url"] == "https://arxiv.org/abs/2508.06051" == project["urls"]["Paper"]


def test_the_newest_changes_stand_first(root):
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", each) for each in headings[1:])
