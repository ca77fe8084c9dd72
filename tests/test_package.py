"""The wheel is whole: installed anywhere, with the packages it asks for alone, it works."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path
from zipfile import ZipFile

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from tests.scoring.conftest import make_video, talking

__all__ = ["talking"]

# Finds nothing of the packages that were not asked for, as if they were not installed.
HIDE = """
import sys
from importlib.machinery import PathFinder
HIDDEN = set({hidden!r})
class Shown(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        found = name.partition(".")[0] not in HIDDEN
        return PathFinder.find_spec(name, path, target) if found else None
sys.meta_path = [Shown if finder is PathFinder else finder for finder in sys.meta_path]
"""
CALL = """
from vqathinker.cli import app
app(sys.argv[1:])
"""
# Help for a person needs the command line's own libraries and nothing that computes.
LIGHT = {
    *("annotated_doc", "markdown_it", "mdurl", "pygments", "rich", "shellingham", "typer", "yaml"),
    *("_yaml", "_cython_3_1_4", "cython_runtime"),  # of yaml's compiled part
}


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    words = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir"]
    pip("wheel", *words, str(folder), str(root))
    (path,) = folder.glob("vqathinker-*.whl")
    return path


@pytest.fixture(scope="module")
def target(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package in it and nothing else."""
    folder = tmp_path_factory.mktemp("target")
    pip("install", "--quiet", "--no-deps", "--no-index", "--target", str(folder), str(wheel))
    return folder


@pytest.fixture(scope="module")
def smallest(root: Path) -> set[str]:
    """Every package that `pip install vqathinker` brings, whatever for."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found: set[str] = set()
    waiting = [Requirement(item) for item in project["dependencies"]]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if wanted and name not in found:
            try:
                requires = distribution(name).requires or []
            except PackageNotFoundError:  # of another build, such as that for CUDA
                continue
            found.add(name)
            waiting += map(Requirement, requires)
    return found


@pytest.fixture(scope="module")
def hidden(smallest: set[str]) -> list[str]:
    """Modules of packages that are installed here and that the smallest installation lacks."""
    owners = {
        name: {canonicalize_name(owner) for owner in found}
        for name, found in packages_distributions().items()
    }
    own = {"vqathinker"}
    return sorted(name for name, found in owners.items() if not found & smallest - own)


def pip(*words: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *words]
    subprocess.run(command, check=True, timeout=3600)


def run(
    target: Path, hidden: list[str], *words: str, code: str = CALL
) -> subprocess.CompletedProcess[str]:
    """A command of the package in that folder, run far from the checkout."""
    return subprocess.run(
        [sys.executable, "-c", HIDE.format(hidden=hidden) + code, *words],
        cwd=target,
        env={**os.environ, "PYTHONPATH": str(target), "COLUMNS": "100", "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=3600,
        check=False,
    )


def test_the_wheel_holds_every_file_of_the_package(root, wheel):
    package = root / "src" / "vqathinker"
    files = {
        path.relative_to(package.parent).as_posix()
        for path in package.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    there = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert there == files
    assert {Path(name).suffix for name in files} >= {".yaml", ".csv", ".j2", ".typed"}


def test_the_citation_and_the_wheel_have_the_version_of_the_package(root, wheel):
    from vqathinker import __version__

    cited = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["version"] == __version__
    inside = f"vqathinker-{__version__}.dist-info"
    assert {f"{inside}/METADATA", f"{inside}/licenses/LICENSE"} <= {*ZipFile(wheel).namelist()}


def test_help_is_written_by_the_smallest_installation_and_imports_nothing_that_computes(
    target, hidden
):
    code = CALL.replace("app(", "import atexit\natexit.register(lambda: print(*sys.modules))\napp(")
    done = run(target, hidden, "--help", code=code)
    assert done.returncode == 0, done.stderr
    *page, modules = done.stdout.splitlines()
    assert any("every stage from data set to report" in line for line in page)
    brought = {name.partition(".")[0] for name in modules.split()}
    brought -= sys.stdlib_module_names | LIGHT | {"__main__", "vqathinker"}
    # What this machine's installation loads into every program, help or not.
    always = run(target, hidden, code="print(*sys.modules)").stdout
    assert brought <= {name.partition(".")[0] for name in always.split()}


def test_a_clip_is_scored_by_the_smallest_installation(target, hidden, talking, tmp_path):
    clip = make_video(tmp_path / "clip.mp4", "testsrc2=size=64x64:rate=8", 1)
    options = ["--policy", str(talking), "--format", "json"]
    other = shutil.copy(clip, tmp_path / "other.mp4")
    done = run(target, hidden, "score", str(clip), str(other), "--compare", *options)
    assert done.returncode == 0, done.stderr
    content = json.loads(done.stdout)
    assert [row["file"] for row in content["clips"]] == [str(clip), str(other)]
    assert {row["answer_status"] for row in content["clips"]} == {"ok"}
    assert content["comparison"] == {"first_better": 0.5, "better": None}
    done = run(target, hidden, "score", str(clip), "--where", "--plot", "x.svg", *options)
    assert "vqathinker[evaluate]" in done.stderr
    assert done.stdout == ""


def test_what_the_smallest_installation_lacks_is_told_with_its_extra(target, hidden, tmp_path):
    assert {"pandas", "trl", "snakemake", "dvc", "matplotlib"} <= set(hidden)
    given = tmp_path / "predictions.parquet"
    given.touch()
    done = run(target, hidden, "gather", "--predictions", str(given), "--out", str(tmp_path / "x"))
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert re.search(r'pip install "vqathinker\[evaluate\]"$', line), line
