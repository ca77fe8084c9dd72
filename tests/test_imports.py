"""Packages import only from packages below them, and modules that start fast stay fast."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Modules that every package may import.
FOUNDATION = {
    "params",
    "phases",
    "layout",
    "atomic",
    "content",
    "errors",
    "products",
    "parquet",
    "choices",
    "hashing",
    "journal",
}
# Packages and modules, and what each may import.
MAY_IMPORT = {
    "atomic": set(),
    "choices": set(),
    "content": set(),
    "errors": set(),
    "hashing": set(),
    "journal": {"atomic", "phases"},
    "products": set(),
    "parquet": {"atomic", "errors", "products"},
    "phases": {"atomic", "errors"},
    "layout": {"phases"},
    "params": {"choices", "phases", "errors"},
    "video": FOUNDATION,
    "acquisition": {"atomic", "content", "errors", "hashing"},
    "datasets": {"acquisition", "video"} | FOUNDATION,
    "policy": {"acquisition", "video"} | FOUNDATION,
    "planning": {"policy", "datasets", "video"} | FOUNDATION,
    "training": {"policy", "datasets", "video"} | FOUNDATION,
    "evaluation": {"policy", "datasets", "acquisition", "video"} | FOUNDATION,
    "scoring": {"evaluation", "policy", "datasets", "acquisition", "video"} | FOUNDATION,
    "reporting": {"evaluation", "training", "policy", "datasets", "video"} | FOUNDATION,
    "serving": {"scoring", "evaluation", "video"} | FOUNDATION,
    "__main__": {"cli"},
    "cli": {
        "reporting",
        "serving",
        "scoring",
        "evaluation",
        "training",
        "planning",
        "policy",
        "datasets",
    }
    | {"acquisition", "video"}
    | FOUNDATION,
}
PACKAGE = Path(__file__).parents[1] / "src" / "vqathinker"
MODULES = sorted(set(PACKAGE.rglob("*.py")) - {PACKAGE / "__init__.py"})


def package_of(module: Path) -> str:
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_packages(module: Path) -> Iterator[tuple[int, str]]:
    """Line and package of every import from vqathinker, including those in functions."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno}: a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            package, _, rest = name.partition(".")
            if package == "vqathinker" and rest != "__version__":
                yield node.lineno, rest.partition(".")[0]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_packages_below_its_own(module):
    package = package_of(module)
    assert package in MAY_IMPORT, f"{package} is new: add what it may import to MAY_IMPORT"
    upwards = [
        f"{module.name}:{line} imports {other}"
        for line, other in imported_packages(module)
        if other != package and other not in MAY_IMPORT[package]
    ]
    assert not upwards


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("vqathinker.phases.keys", ["pydantic", "pandas", "numpy", "torch"]),
        ("vqathinker", ["pydantic", "pandas", "numpy", "torch", "av"]),
        ("vqathinker.scoring.load", ["pandas", "torch", "transformers"]),
        ("vqathinker.layout", ["pydantic", "pandas", "numpy", "torch"]),
        ("vqathinker.params", ["pandas", "numpy", "torch"]),
        ("vqathinker.video.shard", ["pandas", "torch", "av", "decord"]),
        ("vqathinker.cli", ["pandas", "numpy", "torch", "pydantic", "transformers"]),
    ],
)
def test_a_light_module_does_not_import_a_heavy_one(module, heavy):
    """The Snakefile needs only Snakemake, and --help starts fast."""
    code = f"import sys, {module}; print(*(set(sys.modules) & set({heavy!r})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
