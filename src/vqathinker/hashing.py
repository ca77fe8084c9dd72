"""Hashes of files and of this package's code, for provenance."""

import functools
import hashlib
from pathlib import Path


def sha256_of_file(path: Path) -> str:
    """SHA-256 of a file in hexadecimal. Raises OSError if the file cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@functools.cache
def code_digest() -> str:
    """SHA-256 over all files of this package.

    It is only recorded: a change of code makes no result out of date.
    """
    package = Path(__file__).parent
    files = (path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc")
    lines = [f"{sha256_of_file(path)}  {path.relative_to(package)}" for path in sorted(files)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
