"""Hashes of files and of code, which provenance records; no job runs again for that of code."""

import ast
import functools
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

# These yield values, and the values themselves are recorded.
_NOT_HASHED = {"params", "phases", "layout"}
_CARDS = Path("datasets/cards")


def sha256_of_file(path: Path) -> str:
    """Its sha256 in hexadecimal; the file is read as a stream.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def code_digest(start: Path, source: Path) -> str:
    """One sha256 over every file that a module runs: the same wherever this code is, git or not.

    These are the modules that it imports, at any depth, and the data files beside them (prompts,
    templates; no cards).

    Args:
        start: the module, from the package's folder on.
        source: the folder of the package, usually `src`.
    """
    package = source / "vqathinker"
    modules = _modules_behind(start, source)
    folders = {module.parent for module in modules} - {package}
    beside = {file for folder in folders for file in folder.rglob("*") if file.is_file()}
    data = {file for file in beside if file.suffix not in {".py", ".pyc"}}
    data -= set((package / _CARDS).iterdir())
    hashes = {
        file.relative_to(source).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(modules | data)
    }
    return hashlib.sha256(json.dumps(hashes).encode()).hexdigest()


def _modules_behind(start: Path, source: Path) -> set[Path]:
    package = source / "vqathinker"
    modules: set[Path] = set()
    waiting = [package / start]
    while waiting:
        module = waiting.pop()
        room = module.relative_to(package).parts[0]
        if module not in modules and room not in _NOT_HASHED:
            modules.add(module)
            waiting.extend(_imported(module, source))
    return modules


def _imported(module: Path, source: Path) -> Iterator[Path]:
    """Files of this package that a module imports anywhere, inside functions too."""
    for name in _names_in(module.read_bytes()):
        if name.startswith("vqathinker."):
            path = source.joinpath(*name.split("."))
            candidates = (path.with_suffix(".py"), path / "__init__.py")
            yield from (file for file in candidates if file.is_file())


@functools.cache  # modules share most of their code
def _names_in(text: bytes) -> tuple[str, ...]:
    """Names of all modules that a source imports, and of what it takes out of them."""
    found: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(found)
