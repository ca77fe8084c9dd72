"""The wheel is complete, and works with its required packages only."""

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
from tests.scoring.conftest import digit_policy, make_video

__all__ = ["digit_policy"]

# Hides packages, as if they were not installed.
HIDE = """
import sys
from importlib.machinery import PathFinder
HIDDEN = set({hidden!r})
class Visible(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        found = name.partition(".")[0] not in HIDDEN
        return PathFinder.find_spec(name, path, target) if found else None
sys.meta_path = [Visible if finder is PathFinder else finder for finder in sys.meta_path]
"""
CALL = """
from vqathinker.cli import app
app(sys.argv[1:])
"""
# Packages that --help may import.
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
    """A folder with the installed package only."""
    folder = tmp_path_factory.mktemp("target")
    pip("install", "--quiet", "--no-deps", "--no-index", "--target", str(folder), str(wheel))
    return folder


@pytest.fixture(scope="module")
def required(root: Path) -> set[str]:
    """All packages that `pip install vqathinker` installs, including indirect ones."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found: set[str] = set()
    queue = [Requirement(item) for item in project["dependencies"]]
    while queue:
        requirement = queue.pop()
        name = canonicalize_name(requirement.name)
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if wanted and name not in found:
            try:
                requires = distribution(name).requires or []
            except PackageNotFoundError:  # required by another build, such as that for CUDA
                continue
            found.add(name)
            queue += map(Requirement, requires)
    return found


@pytest.fixture(scope="module")
def hidden(required: set[str]) -> list[str]:
    """Modules of installed packages that are not required."""
    owners = {
        name: {canonicalize_name(owner) for owner in found}
        for name, found in packages_distributions().items()
    }
    own = {"vqathinker"}
    return sorted(name for name, found in owners.items() if not found & required - own)


def pip(*words: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *words]
    subprocess.run(command, check=True, timeout=3600)


def run(
    target: Path, hidden: list[str], *words: str, code: str = CALL
) -> subprocess.CompletedProcess[str]:
    """Run a command of the package outside the checkout."""
    return subprocess.run(
        [sys.executable, "-c", HIDE.format(hidden=hidden) + code, *words],
        cwd=target,
        env={**os.environ, "PYTHONPATH": str(target), "COLUMNS": "100", "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=3600,
        check=False,
    )


def test_the_wheel_contains_every_file_of_the_package(root, wheel):
    package = root / "src" / "vqathinker"
    files = {
        path.relative_to(package.parent).as_posix()
        for path in package.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    packed = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == files
    assert {Path(name).suffix for name in files} >= {".yaml", ".csv", ".j2", ".typed"}


def test_the_citation_and_the_wheel_have_the_version_of_the_package(root, wheel):
    from vqathinker import __version__

    cited = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["version"] == __version__
    inside = f"vqathinker-{__version__}.dist-info"
    assert {f"{inside}/METADATA", f"{inside}/licenses/LICENSE"} <= {*ZipFile(wheel).namelist()}


def test_help_needs_only_required_packages_and_imports_no_heavy_one(target, hidden):
    code = CALL.replace("app(", "import atexit\natexit.register(lambda: print(*sys.modules))\napp(")
    done = run(target, hidden, "--help", code=code)
    assert done.returncode == 0, done.stderr
    *page, modules = done.stdout.splitlines()
    assert any("from data set to report" in line for line in page)
    imported = {name.partition(".")[0] for name in modules.split()}
    imported -= sys.stdlib_module_names | LIGHT | {"__main__", "vqathinker"}
    # Modules that every program of this Python imports.
    always = run(target, hidden, code="print(*sys.modules)").stdout
    assert imported <= {name.partition(".")[0] for name in always.split()}


def test_scoring_needs_only_required_packages(target, hidden, digit_policy, tmp_path):
    clip = make_video(tmp_path / "clip.mp4", "testsrc2=size=64x64:rate=8", 1)
    options = ["--policy", str(digit_policy), "--format", "json"]
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


def test_a_missing_package_is_reported_with_its_extra(target, hidden, tmp_path):
    assert {"pandas", "trl", "snakemake", "dvc", "matplotlib"} <= set(hidden)
    predictions = tmp_path / "predictions.parquet"
    predictions.touch()
    done = run(
        target,
        hidden,
        "merge-predictions",
        "--predictions",
        str(predictions),
        "--output",
        str(tmp_path / "x"),
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert re.search(r'pip install "vqathinker\[evaluate\]"$', line), line
