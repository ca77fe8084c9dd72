"""Hashes of files and of this package's code, which provenance records."""

import functools
import hashlib
from pathlib import Path


def sha256_of_file(path: Path) -> str:
    """SHA-256 of a file in hexadecimal; raises OSError if it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@functools.cache
def code_digest() -> str:
    """One SHA-256 over every file of this package, wherever it is installed.

    It is recorded only: a change of code makes no result out of date.
    """
    package = Path(__file__).parent
    files = (path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc")
    lines = [f"{sha256_of_file(path)}  {path.relative_to(package)}" for path in sorted(files)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
